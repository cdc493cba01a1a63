"""The command line: exit codes, what goes where, and no traceback for a mistake."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from ldapproxy import __version__, cli
from tests.support.certificates import Authority
from tests.unit.config.sample import Sample

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    sample = Sample(tmp_path, Authority(tmp_path / "authority"))
    sample.load()
    return sample


def ldapproxy(
    *arguments: str, stdout: int | IO[str] = subprocess.PIPE, encoding: str = "UTF-8"
) -> subprocess.CompletedProcess[str]:
    """A process of its own, as a person starts it."""
    return subprocess.run(
        [sys.executable, "-m", "ldapproxy", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding},
    )


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What the parser says of arguments that make no sense."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == cli.UNUSABLE
    return capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"ldapproxy {__version__}\n"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for command in ("run", "check-config", "check", "demo", "duo-simulator", "offline"):
        assert re.search(rf"^    {command}\s", shown, re.MULTILINE)


def test_arguments_that_make_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    assert "required: COMMAND" in refused([], capsys)
    assert "invalid choice: 'start'" in refused(["start"], capsys)
    for command in ("run", "check-config", "check"):
        assert "required: -c/--config" in refused([command], capsys)
        assert "unrecognized arguments: --fast" in refused([command, "-c", "x", "--fast"], capsys)
    assert "unrecognized arguments: --conf" in refused(["run", "-c", "x", "--conf", "y"], capsys)


@pytest.mark.parametrize("command", ["run", "check-config", "check"])
def test_a_configuration_that_cannot_be_used(
    command: str, sample: Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    del sample.listener["fail_mode"]
    sample.directory["verify"] = False
    assert sample.problems()
    assert cli.main([command, "--config", str(sample.path)]) == cli.UNUSABLE
    shown = capsys.readouterr()
    assert shown.out == ""
    first, second = shown.err.splitlines()
    assert (
        first
        == f"{sample.path}:9: directories.corp.verify: is not a known key; conf/full.yml shows all that are"
    )
    assert second.startswith(f"{sample.path}:16: listeners.vpn.fail_mode: is required; ")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, ": cannot be read: No such file or directory"),
        (b"", ": is empty; conf/minimal.yml is a place to start from"),
        (b"\xff\xfe", ":1: is not UTF-8; save the file in that encoding"),
        (b"a:\n\tb: c\n", ":2: a tab; YAML is indented with spaces"),
        (b"a: [" * 50_000, ":1: is nested more than 20 levels deep"),
        (b"a: 'x\n", ":2: a quote or bracket is never closed"),
    ],
)
def test_a_file_that_is_no_configuration(
    tmp_path: Path, content: bytes | None, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ldapproxy.yml"
    if content is not None:
        file.write_bytes(content)
    assert cli.main(["check-config", "-c", str(file)]) == cli.UNUSABLE
    assert capsys.readouterr().err == f"{file}{problem}\n"


def test_a_folder_is_no_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check-config", "-c", str(tmp_path)]) == cli.UNUSABLE
    assert capsys.readouterr().err == f"{tmp_path}: cannot be read: Is a directory\n"


def test_a_file_that_may_not_be_read(sample: Sample) -> None:
    sample.path.chmod(0)
    program = (
        "import os, sys; from ldapproxy import cli; import ldapproxy.config.load\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"  # root may read everything
        f"sys.exit(cli.main(['check-config', '-c', {str(sample.path)!r}]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60, cwd=ROOT
    )
    assert found.returncode == cli.UNUSABLE
    assert found.stderr == f"{sample.path}: cannot be read: Permission denied\n"


def test_check_config_describes(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check-config", "-c", str(sample.path)]) == cli.OK
    shown = capsys.readouterr()
    assert shown.out.startswith("Listener vpn: ldap://127.0.0.1:389\n")
    assert shown.out.endswith("\nNo warnings.\n")
    assert shown.err == ""


def test_warnings_do_not_change_the_exit_code(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    sample.listener["url"] = "ldap://0.0.0.0:389"
    sample.load()
    assert cli.main(["check-config", "-c", str(sample.path)]) == cli.OK
    assert "listeners.vpn.url: passwords arrive in clear text" in capsys.readouterr().out


def test_secrets_come_from_the_process_environment(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    del sample.duo["secret_key_file"]
    sample.duo["secret_key_env"] = "LDAPPROXY_TEST_KEY"
    assert sample.problems()
    assert cli.main(["check-config", "-c", str(sample.path)]) == cli.UNUSABLE
    monkeypatch.setenv("LDAPPROXY_TEST_KEY", "swordfish")
    assert cli.main(["check-config", "-c", str(sample.path)]) == cli.OK


def test_check_fails_when_nothing_answers(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    sample.directory["urls"] = ["ldaps://127.0.0.1:1"]
    sample.duo["api_host"] = "127.0.0.1:1"
    sample.load()
    assert cli.main(["check", "-c", str(sample.path)]) == cli.FAILED
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["FAILED", "directory", "corp"],
        ["FAILED", "duo", "prod"],
        ["ok", "listener", "vpn"],
    ]


def test_some_commands_have_options_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("offline", "demo", "duo-simulator"):
        with pytest.raises(SystemExit) as caught:
            cli.main([command, "--help"])
        assert caught.value.code == 0
        assert capsys.readouterr().out.startswith(f"usage: ldapproxy {command} ")
        with pytest.raises(SystemExit) as caught:
            cli.main([command, "--nonsense"])
        assert caught.value.code == cli.UNUSABLE
        assert f"ldapproxy {command}: error: " in capsys.readouterr().err


def test_offline_commands_get_their_arguments_as_they_are(
    sample: Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    sample.add_offline()
    sample.load()
    assert cli.main(["offline", "list", "--config", str(sample.path)]) == cli.OK
    assert capsys.readouterr().out == "There is no offline authenticator.\n"
    del sample.duo["api_host"]
    assert sample.problems()
    assert cli.main(["offline", "list", "-c", str(sample.path)]) == cli.UNUSABLE
    assert "duo.prod.api_host: is required" in capsys.readouterr().err


def test_the_module_runs(sample: Sample) -> None:
    found = ldapproxy("check-config", "-c", str(sample.path))
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("Listener vpn")


def test_a_terminal_that_cannot_show_a_name(sample: Sample) -> None:
    sample.listener["require_group"] = "cn=Zürich,dc=example,dc=com"
    sample.load()
    found = ldapproxy("check-config", "-c", str(sample.path), encoding="ASCII")
    assert (found.returncode, found.stderr) == (0, "")
    assert "cn=Z\\xfcrich" in found.stdout


def test_a_reader_that_has_enough(sample: Sample) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        found = ldapproxy("check-config", "-c", str(sample.path), stdout=closed)
    assert (found.returncode, found.stderr) == (cli.FAILED, "")


def test_reading_a_configuration_installs_no_reactor(sample: Sample) -> None:
    """Twisted's default reactor, once imported, would keep `app` from installing its own."""
    program = (
        "import sys; from ldapproxy import cli, check; "
        f"cli.main(['check-config', '-c', {str(sample.path)!r}]); "
        "print('twisted.internet.reactor' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT
    )
    assert found.stdout.splitlines()[-1] == "False"
