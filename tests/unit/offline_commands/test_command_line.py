"""`ldapproxy offline` as administrators use it: processes of its own, a real slapd, a real store."""

from __future__ import annotations

import asyncio
import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

import pyotp
import pytest

from ldapproxy import cli
from ldapproxy.auth.effects import VerifyOffline
from ldapproxy.auth.outcomes import OfflineVerdict
from ldapproxy.offline.store import OfflineStore
from ldapproxy.secret import Secret
from tests.support.example_directory import ALICE, BOB, PEOPLE
from tests.unit.config.sample import Sample

ROOT = Path(__file__).parents[3]
SECRET = re.compile(r"^or type this secret into it .*: ([A-Z2-7]{32})$", re.MULTILINE)
CODES = re.compile(r"^    (\d{9})$", re.MULTILINE)
KEY = "3132333435363738393031323334353637383930"


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    errors: str


class Keyboard:
    """A person who types after having read what was printed so far.

    Args:
        printed: where it is printed to.
        answer: what the person types, given all that was printed.
    """

    def __init__(self, printed: io.StringIO, answer: Callable[[str], str]) -> None:
        self._printed = printed
        self._answer = answer

    def readline(self) -> str:
        return self._answer(self._printed.getvalue())


def offline(
    sample: Sample, command: str, *arguments: str, typed: str = "", answer: Callable[[str], str] | None = None
) -> Ran:
    """Runs a command to its end, in this process."""
    sample.load()
    out, errors = io.StringIO(), io.StringIO()
    keyboard = io.StringIO(typed) if answer is None else Keyboard(out, answer)
    before, sys.stdin = sys.stdin, cast(TextIO, keyboard)
    try:
        with redirect_stdout(out), redirect_stderr(errors):
            status = cli.main(["offline", command, "-c", str(sample.path), *arguments])
    finally:
        sys.stdin = before
    return Ran(status, out.getvalue(), errors.getvalue())


def enroll(sample: Sample, name: str, *arguments: str) -> tuple[pyotp.TOTP, Ran]:
    """Enrols with an app that knows the secret from the terminal, and shows a code of it."""
    ran = offline(sample, "enroll", name, *arguments, answer=lambda printed: f"{app_of(printed).now()}\n")
    return app_of(ran.out), ran


def next_code(app: pyotp.TOTP) -> str:
    """The code after the current one, which confirmed the app: clocks may differ by a step."""
    return app.at(time.time() + app.interval)


def app_of(printed: str) -> pyotp.TOTP:
    """An authenticator app with the secret that was printed."""
    (secret,) = SECRET.findall(printed)
    return pyotp.TOTP(secret)


def verdict(sample: Sample, identity: str, code: str) -> OfflineVerdict:
    """What a login with this code gets."""
    settings = sample.load().offline
    assert settings is not None
    store = OfflineStore(settings)

    async def ask() -> OfflineVerdict:
        try:
            return (await store.verify(VerifyOffline(identity, Secret(code)))).verdict
        finally:
            await store.aclose()

    return asyncio.run(ask())


def test_a_process_of_its_own(sample: Sample) -> None:
    sample.load()
    with subprocess.Popen(
        [sys.executable, "-m", "ldapproxy", "offline", "enroll", "-c", str(sample.path), ALICE.dn],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "UTF-8"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        out = ""
        while not SECRET.search(out):
            line = process.stdout.readline()
            assert line, "no secret was shown"
            out += line
        rest, errors = process.communicate(f"{app_of(out).now()}\n", timeout=60)
    assert process.returncode == 0, errors
    assert "\x1b[97;40m████" in out
    assert "Confirmed: while Duo is away, alice types" in rest
    assert (
        errors
        == f"there was no store of offline authenticators; made an empty one: {sample.folder}/offline.db\n"
    )


def test_enrol_confirm_and_log_in(sample: Sample) -> None:
    app, ran = enroll(sample, "alice")
    assert ran.status == 0, ran.errors
    assert f"'phone' for alice ({ALICE.dn}): scan this with an authenticator app," in ran.out
    assert "█" in ran.out
    assert (
        "Confirmed: while Duo is away, alice types the password and a code, such as password,123456."
        in ran.out
    )
    assert "10 offline logins are left within 7 days; each online login renews that." in ran.out
    assert verdict(sample, ALICE.entry_uuid, next_code(app)) is OfflineVerdict.VERIFIED
    shown = offline(sample, "list").out.splitlines()
    assert shown[1].split()[:2] == ["alice", "9"]
    assert shown[1].split()[-1] == ALICE.entry_uuid


def test_the_form_is_that_of_the_listeners(sample: Sample) -> None:
    sample.listener["delimiter"] = "#"
    assert "such as password#123456." in enroll(sample, ALICE.dn, "--label", "a")[1].out
    sample.document["listeners"]["other"] = dict(sample.listener, url="ldap://127.0.0.1:390", delimiter=",")
    out = enroll(sample, ALICE.dn, "--label", "b")[1].out
    assert "alice types the password, the listener's delimiter, and a code." in out


def test_what_was_not_confirmed_is_no_way_in_until_it_is(sample: Sample) -> None:
    ran = offline(sample, "enroll", "bob", "--label", "Bob's phone", typed="\n")
    assert ran.status == 0
    assert "Not confirmed yet; do that with `ldapproxy offline confirm`." in ran.out
    app = app_of(ran.out)
    assert verdict(sample, BOB.entry_uuid, app.now()) is OfflineVerdict.NOT_ENROLLED
    assert "Bob's phone" in (listed := offline(sample, "list", "bob").out)
    assert "TOTP, not confirmed" in listed

    wrong = offline(sample, "confirm", "bob", "--label", "Bob's phone", typed="000 000\n")
    assert (wrong.status, wrong.errors) == (
        1,
        "ldapproxy offline: the code is wrong; enter the one that the app shows now, and check its clock\n",
    )
    code = app.now()
    right = offline(sample, "confirm", BOB.dn, "--label", "Bob's phone", typed=f"{code[:3]} {code[3:]}\n")
    assert right.status == 0, right.errors
    assert (
        right.out.startswith("The code that the app shows now: Confirmed: ") or "\nConfirmed: " in right.out
    )
    again = offline(sample, "confirm", BOB.dn, "--label", "Bob's phone", typed=f"{app.now()}\n")
    assert again.status == 1
    assert "is confirmed already" in again.errors
    assert verdict(sample, BOB.entry_uuid, next_code(app)) is OfflineVerdict.VERIFIED


def test_a_code_that_is_wrong_three_times(sample: Sample) -> None:
    ran = offline(sample, "enroll", "alice", typed="1\n2\n3\n4\n")
    assert ran.status == 1
    assert ran.errors.count("the code is wrong") == 3
    assert ran.errors.endswith("it is not confirmed; enroll again, or use ldapproxy offline confirm\n")


def test_a_label_that_is_taken(sample: Sample) -> None:
    enroll(sample, "alice")
    ran = offline(sample, "enroll", "alice")
    assert ran.status == 1
    assert "there is an authenticator 'phone' already; choose another label" in ran.errors
    assert "█" not in ran.out


def test_recovery_codes_are_printed_once_and_work_once(sample: Sample) -> None:
    ran = offline(sample, "recovery-codes", "alice")
    codes = CODES.findall(ran.out)
    assert (ran.status, len(codes)) == (0, 10)
    assert verdict(sample, ALICE.entry_uuid, codes[0]) is OfflineVerdict.VERIFIED
    assert verdict(sample, ALICE.entry_uuid, codes[0]) is OfflineVerdict.REPLAYED
    assert "recovery codes, 9 unused" in offline(sample, "list", "alice").out
    assert offline(sample, "recovery-codes", "alice").status == 0
    assert verdict(sample, ALICE.entry_uuid, codes[1]) is OfflineVerdict.WRONG_CODE


def test_limits_that_are_used_up_are_told(sample: Sample) -> None:
    sample.document["offline"]["max_logins"] = 1
    (code, *_) = CODES.findall(offline(sample, "recovery-codes", "alice").out)
    assert verdict(sample, ALICE.entry_uuid, code) is OfflineVerdict.VERIFIED
    ran = offline(sample, "recovery-codes", "alice", "--label", "second sheet")
    assert ran.out.endswith("But the account's limits are used up: it needs an online login first.\n")
    assert "the next online login" in offline(sample, "list", "alice").out


def test_a_locked_account_is_told(sample: Sample) -> None:
    offline(sample, "recovery-codes", "alice")
    for _ in range(5):
        verdict(sample, ALICE.entry_uuid, "000000")
    ran = offline(sample, "recovery-codes", "alice")
    assert re.search(r"But the account is locked for \d+ seconds, after too many wrong codes\.\n$", ran.out)
    assert re.search(
        r"^\S+ +10 .*:\d\d +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", offline(sample, "list").out, re.MULTILINE
    )


def test_revocation(sample: Sample) -> None:
    app, _ = enroll(sample, "alice")
    offline(sample, "recovery-codes", "alice")
    ran = offline(sample, "revoke", "alice", "--label", "phone")
    assert (ran.status, ran.out) == (0, "Removed 'phone' of alice.\n")
    assert verdict(sample, ALICE.entry_uuid, next_code(app)) is not OfflineVerdict.VERIFIED
    ran = offline(sample, "revoke", "alice", "--label", "phone")
    assert ran.status == 1
    assert ran.errors.startswith("ldapproxy offline: there is no authenticator 'phone'")
    # Of an entry that is gone, only the identity is left; the directory is not asked.
    sample.directory["urls"] = ["ldap://127.0.0.1:1"]
    ran = offline(sample, "revoke", ALICE.entry_uuid.upper(), "--all")
    assert (ran.status, ran.out) == (0, f"Removed 1 of {ALICE.entry_uuid.upper()}.\n")
    ran = offline(sample, "revoke", ALICE.entry_uuid, "--all")
    assert (ran.status, ran.errors) == (
        1,
        f"ldapproxy offline: {ALICE.entry_uuid} has no offline authenticator\n",
    )
    assert offline(sample, "list").out == "There is no offline authenticator.\n"


def test_list_of_one_account(sample: Sample) -> None:
    offline(sample, "recovery-codes", "alice")
    offline(sample, "recovery-codes", "bob")
    assert len(offline(sample, "list").out.splitlines()) == 3
    for name in ("bob", BOB.dn, BOB.entry_uuid):
        (_, line) = offline(sample, "list", name).out.splitlines()
        assert line.startswith("bob ")


def test_hardware_tokens(sample: Sample) -> None:
    lines = ["account,label,secret_hex", f"alice,Token 1,{KEY}", f'"{BOB.dn}",Token 2,41{KEY[2:]}', ""]
    sample.write("tokens.csv", "\n".join(lines).encode())
    ran = offline(sample, "import", str(sample.folder / "tokens.csv"))
    assert ran.status == 0, ran.errors
    assert ran.out.startswith("Added tokens: 2, of accounts: 2. Remove ")
    # "12345678901234567890" in base32 (RFC 6238, appendix B).
    token = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    assert verdict(sample, ALICE.entry_uuid, token.now()) is OfflineVerdict.VERIFIED
    assert "Token 2" in offline(sample, "list", "bob").out


def test_a_token_file_is_taken_as_a_whole_or_not_at_all(sample: Sample) -> None:
    file = sample.folder / "tokens.csv"
    ran = offline(sample, "import", str(file))
    assert (ran.status, ran.errors) == (
        1,
        f"ldapproxy offline: {file}: cannot be read: No such file or directory\n",
    )
    file.write_text(f"account,label,secret_hex\nalice,T,{KEY}\nnobody,T,41{KEY[2:]}\nuid=x,T,42{KEY[2:]}\n")
    ran = offline(sample, "import", str(file))
    assert ran.status == 1
    assert ran.errors.splitlines() == [
        f"ldapproxy offline: {file}: line 3: directory corp has nobody with uid 'nobody'",
        f"ldapproxy offline: {file}: line 4: directory corp has no entry uid=x",
    ]
    file.write_text("account,label\nalice,T\n")
    ran = offline(sample, "import", str(file))
    assert ran.status == 1
    assert "line 1: must name the columns" in ran.errors
    assert offline(sample, "list").out == "There is no offline authenticator.\n"


def test_keys_are_changed_without_losing_anything(sample: Sample) -> None:
    codes = CODES.findall(offline(sample, "recovery-codes", "alice").out)
    old = (sample.folder / "offline-keys").read_bytes()
    sample.add_offline()
    new = (sample.folder / "offline-keys").read_bytes()
    ran = offline(sample, "list")
    assert ran.status == 1
    assert "none of the encryption keys fits" in ran.errors
    sample.write("offline-keys", new + old)
    ran = offline(sample, "reencrypt")
    assert (ran.status, ran.out) == (
        0,
        "Encrypted with the first key: 1. The other keys can be removed, in every proxy.\n",
    )
    sample.write("offline-keys", new)
    assert verdict(sample, ALICE.entry_uuid, codes[0]) is OfflineVerdict.VERIFIED


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["enroll", "nobody"], "directory corp has nobody with uid 'nobody'"),
        (["confirm", "nobody"], "directory corp has nobody with uid 'nobody'"),
        (["recovery-codes", f"uid=nobody,{PEOPLE}"], f"directory corp has no entry uid=nobody,{PEOPLE}"),
        (["list", "nobody"], "directory corp has nobody with uid 'nobody'"),
        (["revoke", "nobody", "--all"], "directory corp has nobody with uid 'nobody'"),
        (
            ["enroll", "alice", "--label", " "],
            "the label must have 1 to 64 printable characters; choose another",
        ),
    ],
)
def test_what_fails(
    sample: Sample, arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *rest = arguments
    sample.load()
    assert cli.main(["offline", command, "-c", str(sample.path), *rest]) == cli.FAILED
    errors = capsys.readouterr().err.splitlines()
    assert errors[-1].startswith(f"ldapproxy offline: {problem}")


def test_a_store_that_cannot_be_used(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    sample.add_offline(store="sqlite:///./missing/offline.db")
    sample.load()
    assert cli.main(["offline", "list", "-c", str(sample.path)]) == cli.FAILED
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("ldapproxy offline: the offline store ")
    assert "is missing, and so is its folder; make " in shown.err


def test_what_cannot_be_used_at_all(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> str:
        sample.load()
        assert cli.main(["offline", arguments[0], "-c", str(sample.path), *arguments[1:]]) == cli.UNUSABLE
        return capsys.readouterr().err

    assert "there is no directory 'x' in the configuration, only corp" in run(
        "enroll", "alice", "--directory", "x"
    )
    sample.document["directories"]["lab"] = dict(sample.directory, base_dn=PEOPLE)
    assert "say which directory is meant: --directory with one of corp, lab" in run("enroll", "alice")
    sample.document["offline"] = None
    assert sample.problems()
    assert cli.main(["offline", "list", "-c", str(sample.path)]) == cli.UNUSABLE
    assert "offline: has no value" in capsys.readouterr().err
    del sample.document["offline"]
    sample.listener["fail_mode"] = "closed"
    assert run("list") == (
        f"ldapproxy offline: {sample.path} has no offline: section, so there is no store of authenticators\n"
    )


def test_among_several_directories_one_is_named(sample: Sample) -> None:
    sample.document["directories"]["lab"] = dict(sample.directory, search_filter="(uid=nobody)")
    assert offline(sample, "recovery-codes", "alice", "--directory", "corp").status == 0
    assert offline(sample, "recovery-codes", "alice", "--directory", "lab").status == 1
    assert offline(sample, "list").status == 0
    assert offline(sample, "revoke", ALICE.entry_uuid, "--all").status == 0


def test_names_cannot_command_the_terminal(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    sample.load()
    assert cli.main(["offline", "revoke", "-c", str(sample.path), "\x1b[2Jalice", "--all"]) == cli.FAILED
    assert "\x1b" not in capsys.readouterr().err
