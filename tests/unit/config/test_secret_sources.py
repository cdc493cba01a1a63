"""Secrets: in the configuration, in a file of their own, in the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from ldapproxy.config.files import Surroundings
from ldapproxy.config.problems import Report
from ldapproxy.config.secret_sources import given_sources, secret
from ldapproxy.config.sections import Section
from ldapproxy.secret import Secret
from tests.unit.config.sample import mapping


class Reading:
    """What is read from a map with a secret."""

    def __init__(self, text: str, folder: Path, *, is_exposed: bool = False, one_line: bool = True) -> None:
        environment = {
            "SECRET": "hunter2 ",
            "EMPTY": "",
            "BYTES": b"\xff\xfe".decode(errors="surrogateescape"),
        }
        report = Report()
        section = Section(mapping(text), report)
        surroundings = Surroundings(folder, environment, report, is_exposed)
        self.secret = secret(section, "password", surroundings, one_line=one_line)
        section.finish()
        self.errors = [str(problem) for problem in report.errors]
        self.warnings = [str(problem) for problem in report.warnings]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("password: hunter2", b"hunter2"),
        ("password: 0123", b"0123"),
        ("password: yes", b"yes"),
        ("password: 'null'", b"null"),
        ("password: ' ,#: '", b" ,#: "),
        ("password: pässwörd", "pässwörd".encode()),
        ("password_env: SECRET", b"hunter2 "),
        ("password_env: BYTES", b"\xff\xfe"),
        ("password_file: plain", b"hunter2"),
        ("password_file: line", b"hunter2"),
        ("password_file: windows", b"hunter2"),
        ("password_file: blanks", b" hunter2 "),
        ("password_file: bytes", b"\xff\xfe"),
    ],
)
def test_where_a_secret_comes_from(tmp_path: Path, text: str, value: bytes) -> None:
    for name, content in {
        "plain": b"hunter2",
        "line": b"hunter2\n",
        "windows": b"hunter2\r\n",
        "blanks": b" hunter2 \n",
        "bytes": b"\xff\xfe\n",
    }.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    reading = Reading(text, tmp_path)
    assert reading.errors == reading.warnings == []
    assert reading.secret == Secret(value)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: b", "test.yml:1: password: is required; give one of password, password_file or password_env"),
        ("password: ''", "test.yml:1: password: is empty"),
        ("password: null", "test.yml:1: password: has no value; write a text, or leave the line out"),
        ("password: [hunter2]", "test.yml:1: password: must be a text, not a list"),
        ("password_env: ABSENT", "password_env: names an environment variable that is not set"),
        ("password_env: EMPTY", "password_env: names an environment variable that is empty"),
        ("password_env: hunter2!", "password_env: must be the name of an environment variable"),
        (
            "password_file: lines",
            "password_file: the file must hold the secret in one line, and nothing else",
        ),
        ("password_file: nul", "password_file: the file must hold the secret in one line, and nothing else"),
        ("password_file: hunter2", "password_file: there is no such file"),
        (
            "password: hunter2\npassword_env: SECRET",
            "test.yml:2: password_env: only one of password, password_file or password_env may be given",
        ),
    ],
)
def test_what_is_no_secret(tmp_path: Path, text: str, error: str) -> None:
    (tmp_path / "lines").write_bytes(b"hunter2\nhunter3\n")
    (tmp_path / "nul").write_bytes(b"hunter2\0\n")
    reading = Reading(text, tmp_path)
    assert error in "\n".join(reading.errors)
    assert "hunter" not in "\n".join(reading.errors)


def test_a_file_may_hold_several_lines_where_they_are_wanted(tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(b"hunter2\nhunter3\n")
    (tmp_path / "lines").chmod(0o644)
    reading = Reading("password_file: lines", tmp_path, one_line=False)
    assert reading.secret == Secret("hunter2\nhunter3\n")
    assert len(reading.warnings) == 1
    assert Reading("password_env: SECRET", tmp_path, one_line=False).secret == Secret("hunter2 ")


def test_which_sources_are_given() -> None:
    section = Section(mapping("a_env: x\na_file: y\nb: z"), Report())
    assert given_sources(section, "a") == ["a_file", "a_env"]
    assert given_sources(section, "b") == ["b"]
    assert given_sources(section, "c") == []


def test_a_file_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "exposed").write_bytes(b"hunter2")
    (tmp_path / "exposed").chmod(0o644)
    reading = Reading("password_file: exposed", tmp_path)
    assert reading.secret == Secret("hunter2")
    assert reading.warnings == [
        "test.yml:1: password_file: others on this machine can read this file; chmod o-r takes that from them"
    ]


def test_a_secret_in_a_configuration_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    reading = Reading("password: hunter2", tmp_path, is_exposed=True)
    assert reading.secret == Secret("hunter2")
    assert reading.warnings == [
        "test.yml:1: password: is a secret in a file that others can read; chmod o-r it, "
        "or give the secret its own"
    ]
    assert Reading("password_env: SECRET", tmp_path, is_exposed=True).warnings == []
