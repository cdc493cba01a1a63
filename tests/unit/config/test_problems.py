"""Problems: their form and order."""

from __future__ import annotations

from ldapproxy.config.problems import ConfigurationError, Place, Problem, Report, in_order, printable


def test_a_problem_reads_file_line_path_problem() -> None:
    place = Place("ldapproxy.yml", 12, "listeners.vpn.url")
    assert str(Problem(place, "is required")) == "ldapproxy.yml:12: listeners.vpn.url: is required"


def test_what_is_unknown_is_left_out() -> None:
    assert str(Problem(Place("a.yml", 3), "is not YAML")) == "a.yml:3: is not YAML"
    assert str(Problem(Place("a.yml", 0), "is empty")) == "a.yml: is empty"


def test_places_grow_with_keys_and_items() -> None:
    place = Place("a.yml", 0).key("listeners", 1).key("vpn", 2).key("exempt", 3).item(1, 4)
    assert place == Place("a.yml", 4, "listeners.vpn.exempt[1]")


def test_problems_are_sorted_by_line_and_listed_once() -> None:
    third, first = Problem(Place("a.yml", 10), "c"), Problem(Place("a.yml", 2), "a")
    second = Problem(Place("a.yml", 2), "b")
    error = ConfigurationError([third, first, second, first])
    assert error.problems == (first, second, third) == in_order([third, first, second])
    assert str(error) == "a.yml:2: a\na.yml:2: b\na.yml:10: c"


def test_a_report_keeps_errors_and_warnings_apart() -> None:
    report = Report()
    report.error(Place("a.yml", 1), "wrong")
    report.warn(Place("a.yml", 2), "odd")
    assert [str(problem) for problem in report.errors] == ["a.yml:1: wrong"]
    assert [str(problem) for problem in report.warnings] == ["a.yml:2: odd"]


def test_what_is_shown_cannot_move_the_cursor_or_fill_the_screen() -> None:
    assert printable("listener-é") == "listener-é"
    assert printable("a\x1b[2Jb\n") == "a\\x1b[2Jb\\n"
    assert len(printable("x" * 1000)) == 80
