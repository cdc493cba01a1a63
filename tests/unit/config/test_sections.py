"""One map, key by key: defaults, required keys, unknown keys."""

from __future__ import annotations

import pytest

from ldapproxy.config import values
from ldapproxy.config.problems import Report
from ldapproxy.config.sections import Section
from tests.unit.config.sample import mapping, node


@pytest.fixture
def report() -> Report:
    return Report()


def errors(report: Report) -> list[str]:
    return [str(problem) for problem in report.errors]


def test_a_key_has_its_value_or_the_default(report: Report) -> None:
    section = Section(mapping("a: x\n"), report)
    assert section.read("a", values.text, "default") == "x"
    assert section.read("b", values.text, "default") == "default"
    section.finish()
    assert not report.errors


def test_a_wrong_value_is_reported_and_reading_goes_on(report: Report) -> None:
    section = Section(mapping("a: maybe\nb: 7x\n"), report)
    assert section.read("a", values.boolean, False) is False
    assert section.require("b", values.duration(0, 9, "")) is None
    section.finish()
    assert errors(report) == [
        "test.yml:1: a: must be true or false, without quotes",
        "test.yml:2: b: must be a duration: a whole number and a unit, such as 500ms, 10s, 5m, 8h or 7d",
    ]


def test_a_required_key_is_missed_at_the_line_of_its_map(report: Report) -> None:
    outer = Section(mapping("x: 1\nvpn:\n  a: b\n"), report)
    assert outer.section("vpn").require("url", values.text, hint="such as ldap://127.0.0.1") is None
    assert errors(report) == ["test.yml:2: vpn.url: is required; such as ldap://127.0.0.1"]


def test_unknown_keys_are_errors_with_the_nearest_known_name(report: Report) -> None:
    section = Section(mapping("uurl: x\nDirectory: y\nzzz: 1\n"), report)
    for key in ("url", "directory"):
        section.read(key, values.text, None)
    section.finish()
    assert errors(report) == [
        "test.yml:1: uurl: is not a known key; did you mean url?",
        "test.yml:2: Directory: is not a known key; did you mean directory?",
        "test.yml:3: zzz: is not a known key; known here are url, directory",
    ]


def test_a_key_of_another_section_is_told_where_it_belongs(report: Report) -> None:
    """But not instead of a slip: `listener` at the top is meant to be `listeners`."""
    section = Section(mapping("username_search: x\nlistener: y\nca_file: z\nlog: {}\n"), report)
    for key in ("username", "listeners"):
        section.read(key, values.text, None)
    section.finish()
    assert errors(report) == [
        "test.yml:1: username_search: is not a known key; it belongs under directories.NAME",
        "test.yml:2: listener: is not a known key; did you mean listeners?",
        "test.yml:3: ca_file: is not a known key; it belongs under directories.NAME or duo.NAME",
        "test.yml:4: log: is not a known key; it belongs at the top of the file, not indented",
    ]


def test_many_known_keys_are_not_listed(report: Report) -> None:
    section = Section(mapping("zzz: 1\n"), report)
    for number in range(9):
        section.read(f"key_{number}", values.text, None)
    section.finish()
    assert errors(report) == ["test.yml:1: zzz: is not a known key; conf/full.yml shows all that are"]


def test_a_section_that_is_not_there_has_its_defaults(report: Report) -> None:
    section = Section(mapping("a: x\n"), report).section("limits")
    assert section.read("connections", values.text, "default") == "default"
    assert section.is_map
    section.finish()
    assert not report.errors


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no value; write a map under it, or leave the line out"),
        ("x", "must be a map: keys with a colon behind them, indented under it"),
        ("[x]", "must be a map: keys with a colon behind them, indented under it"),
    ],
)
def test_of_what_is_no_map_nothing_else_is_said(report: Report, text: str, why: str) -> None:
    section = Section(node(text), report)
    assert not section.is_map
    assert section.require("url", values.text) is None
    section.finish()
    assert errors(report) == [f"test.yml:1: key: {why}"]


def test_named_sections(report: Report) -> None:
    top = Section(mapping("listeners:\n  vpn: {a: b}\n  wifi:\nempty: {}\n"), report)
    found = top.entries("listeners", "listener")
    assert list(found) == ["vpn", "wifi"]
    assert found["vpn"].read("a", values.text, "") == "b"
    assert top.entries("empty", "listener") == {}
    assert top.entries("absent", "listener") == {}
    assert errors(report) == [
        "test.yml:3: listeners.wifi: has no value; write a map under it, or leave the line out",
        "test.yml:4: empty: must hold at least one listener: a name, and a map under it",
        "test.yml:1: absent: is required; it holds at least one listener",
    ]


def test_notes_stand_at_the_key_or_else_at_the_map(report: Report) -> None:
    outer = Section(mapping("x: 1\nvpn:\n  a: b\n"), report)
    section = outer.section("vpn")
    section.warn("a", "odd")
    section.warn("b", "odd")
    section.warn_whole("unused")
    section.warn_without_effect("a", "there is no b")
    section.warn_without_effect("b", "there is no b")
    section.refuse("has a bad name")
    section.error("a", "wrong")
    assert [str(problem) for problem in report.warnings] == [
        "test.yml:3: vpn.a: odd",
        "test.yml:2: vpn: odd",
        "test.yml:2: vpn: unused",
        "test.yml:3: vpn.a: has no effect: there is no b",
    ]
    assert errors(report) == ["test.yml:2: vpn: has a bad name", "test.yml:3: vpn.a: wrong"]
