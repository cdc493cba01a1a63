"""The rule of `tests/support/skips.py`, seen through pytest runs of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.skips import ALLOWED_SKIPS, require_program

_ROOT = Path(__file__).parents[2]

_RUNS = "def test_runs(): pass\n"
_LACKS_A_PART = (
    "from tests.support.skips import require_program\n"
    "def test_lacks_a_part(): require_program('no-such-program')\n"
)
_MODULE_LACKS_A_PART = "import pytest\npytest.skip('no such part here', allow_module_level=True)\n"
_FAILS_AS_EXPECTED = (
    "import pytest\n@pytest.mark.xfail(reason='not built')\ndef test_fails(): raise ValueError\n"
)
_SECTION = "*skipped in CI, so this run fails*"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty project that uses the rule, in CI."""
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PYTHONPATH", str(_ROOT))
    pytester.makeconftest('pytest_plugins = ["tests.support.skips"]')
    return pytester


def test_a_run_without_skips_passes_in_ci(project: pytest.Pytester) -> None:
    project.makepyfile(_RUNS)
    result = project.runpytest()
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line(_SECTION)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (_LACKS_A_PART, "*test_it.py::test_lacks_a_part: *no-such-program is not installed*"),
        (_MODULE_LACKS_A_PART, "*test_it.py: *no such part here*"),
        (_FAILS_AS_EXPECTED, "*test_it.py::test_fails: expected to fail: not built*"),
    ],
    ids=["a test", "a module", "an expected failure"],
)
def test_a_skip_fails_the_run_in_ci_and_says_why(project: pytest.Pytester, source: str, reason: str) -> None:
    project.makepyfile(test_it=source, test_other=_RUNS)
    result = project.runpytest()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([_SECTION, reason])


def test_skips_in_parallel_workers_count_too(project: pytest.Pytester) -> None:
    project.makepyfile(test_it=_LACKS_A_PART, test_other=_MODULE_LACKS_A_PART)
    result = project.runpytest("-n1")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines_random(["*test_lacks_a_part: *", "*test_other.py: *"])


def test_the_closing_line_stays_the_last(project: pytest.Pytester) -> None:
    project.makepyfile(test_it=_LACKS_A_PART)
    result = project.runpytest()
    assert "1 skipped" in result.outlines[-1]


def test_elsewhere_a_skip_is_no_failure(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI")
    project.makepyfile(test_it=_LACKS_A_PART)
    assert project.runpytest().ret == pytest.ExitCode.OK


def test_an_allowed_skip_passes_in_ci(project: pytest.Pytester) -> None:
    project.makeconftest(
        "from tests.support.skips import AllowedSkip, SkipRule\n"
        "def pytest_configure(config):\n"
        "    config.pluginmanager.register(SkipRule((AllowedSkip('*::test_lacks_*', 'why not'),)))\n"
    )
    project.makepyfile(test_it=_LACKS_A_PART)
    assert project.runpytest().ret == pytest.ExitCode.OK


def test_every_allowed_skip_has_its_reason() -> None:
    assert all(skip.test and skip.because for skip in ALLOWED_SKIPS)


def test_a_program_is_found_where_servers_are_kept() -> None:
    assert require_program("slapd").endswith("/slapd")
