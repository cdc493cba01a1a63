"""README and CHANGELOG say what is true."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import trustme

from ldapproxy import __version__, cli
from ldapproxy.auth.fail_mode import Decision, decide
from ldapproxy.auth.outcomes import FailMode, SecondFactorOutcome
from tests.house.files import ROOT

README = (ROOT / "README.md").read_text()
DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / ".github").glob("*.md")),
    *sorted((ROOT / "conf").glob("*.md")),
    *sorted((ROOT / "deploy").rglob("*.md")),
]


def section(title: str) -> str:
    """What stands under a heading of the README."""
    _, _, rest = README.partition(f"\n## {title}\n")
    assert rest, f"README.md has no section {title!r}"
    return rest.partition("\n## ")[0]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_the_fail_mode_table_is_the_codes_table() -> None:
    words = {Decision.ACCEPT: "accept", Decision.REJECT: "reject", Decision.ASK_OFFLINE: "offline code"}
    rows = [
        [cell.strip().strip("*") for cell in line.strip("|").split("|")]
        for line in section("When Duo cannot be reached").splitlines()
        if line.startswith("|")
    ]
    modes = (FailMode.CLOSED, FailMode.OPEN, FailMode.OFFLINE)
    assert rows[0][2:] == [mode.value for mode in modes]
    assert [(row[0], *row[2:]) for row in rows[2:]] == [
        (outcome.name, *(words[decide(mode, outcome)] for mode in modes)) for outcome in SecondFactorOutcome
    ]


def test_the_configuration_in_the_readme_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks(section("A real configuration"), "yaml")
    assert len(example.splitlines()) <= 10
    (tmp_path / "ldapproxy.yml").write_text(example)
    for secret in ("directory.secret", "duo.secret"):
        (tmp_path / secret).write_text("not a real one")
        (tmp_path / secret).chmod(0o600)
    issued = trustme.CA().issue_cert("ldapproxy.example.com")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "vpn.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "vpn.key"))
    assert cli.main(["check-config", "-c", str(tmp_path / "ldapproxy.yml")]) == cli.OK
    assert "vpn" in capsys.readouterr().out


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.relative_to(ROOT).as_posix())
def test_commands_in_the_documents_are_targets_of_the_makefile(document: Path) -> None:
    for target in set(
        re.findall(r"\bmake ([a-z][a-z-]+)\b(?=[\s`]|$)", "\n".join(code(document.read_text())))
    ):
        done = subprocess.run(
            ["make", "--dry-run", "--silent", target],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        assert done.returncode == 0, f"{document.name}: make {target}: {done.stderr}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.relative_to(ROOT).as_posix())
def test_commands_in_the_documents_are_commands_of_ldapproxy(document: Path) -> None:
    known = cli.main.__globals__["_parser"]().format_help()
    for command in set(re.findall(r"\bldapproxy ([a-z][a-z-]+)\b", "\n".join(code(document.read_text())))):
        assert re.search(rf"^ +{re.escape(command)}\b", known, flags=re.MULTILINE), (
            f"{document.name}: {command}"
        )


def code(text: str) -> list[str]:
    """What a document shows as typed: its shell blocks, and words between back-ticks."""
    return [*blocks(text, "sh"), *re.findall(r"`([^`\n]+)`", text)]


def test_links_between_the_documents_lead_somewhere() -> None:
    broken = [
        f"{document.relative_to(ROOT)}: {link}"
        for document in DOCUMENTS
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())
        if not (document.parent / link).exists()
    ]
    assert not broken


def test_the_changelog_has_an_entry_for_this_version() -> None:
    newest = re.search(
        r"^## \[(.+?)\] - (unreleased|\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert newest is not None
    assert newest[1] == __version__
