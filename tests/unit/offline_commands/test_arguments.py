"""The arguments of `ldapproxy offline`."""

from __future__ import annotations

from pathlib import Path

import pytest

from ldapproxy.offline_commands.arguments import Command, parse


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        parse(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "rest", "expected"),
    [
        ("enroll", ["alice"], {"name": "alice", "label": "phone", "directory": None}),
        ("enroll", ["alice", "--label", "Ann's"], {"label": "Ann's"}),
        ("confirm", ["alice", "--directory", "lab"], {"name": "alice", "label": "phone", "directory": "lab"}),
        ("recovery-codes", ["alice"], {"name": "alice", "label": "recovery codes"}),
        ("list", [], {"name": None, "directory": None}),
        ("list", ["alice"], {"name": "alice"}),
        ("revoke", ["alice", "--label", "x"], {"label": "x", "all": False}),
        ("revoke", ["--all", "alice"], {"name": "alice", "label": None, "all": True}),
        ("import", ["tokens.csv"], {"file": Path("tokens.csv"), "directory": None}),
        ("reencrypt", [], {"directory": None}),
    ],
)
def test_what_each_command_takes(command: str, rest: list[str], expected: dict[str, object]) -> None:
    for given in ([command, "-c", "x.yml", *rest], [command, *rest, "--config", "x.yml"]):
        parsed = parse(given)
        assert parsed.command is Command(command)
        assert parsed.config == Path("x.yml")
        assert {key: getattr(parsed, key) for key in expected} == expected


def test_arguments_that_make_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    assert "required: COMMAND" in refused(capsys)
    assert "invalid choice: 'enrol'" in refused(capsys, "enrol")
    for each in Command:
        assert "-c/--config" in refused(capsys, each.value)
    for command in ("enroll", "confirm", "recovery-codes", "revoke"):
        assert "required: NAME" in refused(
            capsys, command, "-c", "x", *(["--all"] if command == "revoke" else [])
        )
    assert "one of the arguments --label --all is required" in refused(capsys, "revoke", "-c", "x", "alice")
    assert "not allowed with" in refused(capsys, "revoke", "-c", "x", "alice", "--all", "--label", "x")
    assert "required: TOKENS" in refused(capsys, "import", "-c", "x")
    assert "unrecognized arguments: bob" in refused(capsys, "enroll", "-c", "x", "alice", "bob")


def test_every_command_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"    {command.value}" in shown for command in Command)
