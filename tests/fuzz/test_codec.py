"""A short run of every target: what the corpus holds, and what atheris makes of it in some seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.make_corpus import CORPUS, corpus
from tests.fuzz.targets import TARGETS

# About a second each. The seed is fixed: what CI finds it finds every time; `make fuzz` looks further.
RUNS = 20_000


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_holds(target: str) -> None:
    files = sorted((CORPUS / target).iterdir())
    assert files, "python -m tests.fuzz.make_corpus writes them"
    for file in files:
        TARGETS[target](file.read_bytes())


def test_the_corpus_is_what_is_written() -> None:
    written = corpus()
    assert written.keys() == TARGETS.keys()
    for target, inputs in written.items():
        kept = [file.read_bytes() for file in sorted((CORPUS / target).iterdir())]
        assert all(data in kept for data in inputs), "python -m tests.fuzz.make_corpus writes it anew"


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_found_in_a_short_run(target: str, tmp_path: Path) -> None:
    try:
        import atheris  # noqa: F401 - only whether it is there
    except ImportError:
        pytest.skip("atheris, which looks for input, exists for Linux on x86-64 and Python up to 3.13 only")
    (tmp_path / "found").mkdir()
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.coverage",
        target,
        f"-runs={RUNS}",
        "-seed=1",
        "-max_len=2048",
    ]
    folders = [str(tmp_path / "found"), str(CORPUS / target)]
    done = subprocess.run(
        [*command, f"-artifact_prefix={tmp_path}/", *folders],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"Done {RUNS} runs" in done.stderr


def test_a_target_that_there_is_not() -> None:
    command = [sys.executable, "-m", "tests.fuzz.coverage", "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "name one of the targets messages" in done.stderr or "atheris cannot be imported" in done.stderr
