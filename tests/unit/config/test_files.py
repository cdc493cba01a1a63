"""Files that the configuration names."""

from __future__ import annotations

from pathlib import Path

import pytest

from ldapproxy.config import files
from ldapproxy.config.files import Surroundings
from ldapproxy.config.problems import Report
from ldapproxy.config.values import Invalid
from tests.unit.config.sample import node


@pytest.fixture
def surroundings(tmp_path: Path) -> Surroundings:
    return Surroundings(folder=tmp_path, environment={}, report=Report(), is_exposed=False)


def refusal(text: str, surroundings: Surroundings) -> str:
    with pytest.raises(Invalid) as caught:
        files.content(node(text), surroundings)
    return str(caught.value)


def test_relative_paths_start_at_the_configuration(surroundings: Surroundings, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a").write_bytes(b"x\n")
    expected = (tmp_path / "below" / "a", b"x\n")
    assert files.content(node("below/a"), surroundings) == expected
    assert files.content(node(str(tmp_path / "below" / "a")), surroundings) == expected


def test_files_that_cannot_be_used(surroundings: Surroundings, tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"\n")
    (tmp_path / "large").write_bytes(b"x" * ((4 << 20) + 1))
    (tmp_path / "loop").symlink_to("loop")
    assert refusal("missing", surroundings) == f"there is no such file (relative paths start at {tmp_path})"
    assert refusal("/missing/file", surroundings) == "there is no such file"
    assert refusal(".", surroundings) == "is a folder, not a file"
    assert refusal("empty", surroundings) == "the file is empty"
    assert refusal("large", surroundings) == "the file is larger than 4 MiB"
    assert refusal("empty/x", surroundings) == "the file cannot be read: Not a directory"
    assert refusal("loop", surroundings).startswith("the file cannot be read: ")
    assert refusal("x" * 5000, surroundings).startswith("the file cannot be read: ")


def test_a_problem_does_not_quote_a_key_that_was_pasted(surroundings: Surroundings) -> None:
    assert "hunter2" not in refusal("hunter2", surroundings)


@pytest.mark.parametrize(("mode", "exposed"), [(0o600, False), (0o640, False), (0o644, True), (0o604, True)])
def test_files_that_others_can_read(
    surroundings: Surroundings, tmp_path: Path, mode: int, exposed: bool
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"x")
    file.chmod(mode)
    assert files.others_can_read(file) is exposed
    files.warn_if_exposed(node("secret"), file, surroundings)
    assert [str(warning) for warning in surroundings.report.warnings] == (
        ["test.yml:1: key: others on this machine can read this file; chmod o-r takes that from them"]
        if exposed
        else []
    )


def test_no_representation_shows_the_environment(tmp_path: Path) -> None:
    assert "hunter2" not in repr(Surroundings(tmp_path, {"PASSWORD": "hunter2"}, Report(), is_exposed=False))


def test_a_file_that_is_gone_is_not_exposed(tmp_path: Path) -> None:
    assert not files.others_can_read(tmp_path / "missing")
