"""The picture: well-formed, with every peer and every goal in it, as long as they are fast."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.bench.figures import Figure, Goal, Result, Series
from tests.bench.plot import plot

SVG = "{http://www.w3.org/2000/svg}"
SERIES = [
    Series("bind", "slapd, direct", "/s", (4000.0,), (0.2,), (50.0,)),
    Series("bind", "back-ldap", "/s", (1000.0,), (0.2,), (50.0,)),
    Series("bind", "ldapproxy", "/s", (2000.0,), (0.2,), (50.0,)),
]
FIGURES = [
    Figure("met <&>", "x", (1.5,), Goal(1.0)),
    Figure("missed", "KiB", (200.0,), Goal(100, less_is_better=True)),
    Figure("no goal", "x", (1.0,)),
]


def drawn() -> ElementTree.Element:
    return ElementTree.fromstring(plot([Result(SERIES, FIGURES)], "a run"))


def bars(kind: str) -> list[float]:
    return [float(bar.attrib["width"]) for bar in drawn().iter(f"{SVG}rect") if bar.attrib["class"] == kind]


def test_bars_are_as_long_as_peers_are_fast() -> None:
    [direct], [peer], [ours] = bars("slapd"), bars("back-ldap"), bars("ldapproxy")
    assert direct == 2 * ours == 4 * peer


def test_a_missed_goal_ends_before_the_line_and_a_met_one_behind_it() -> None:
    [met], [missed], [_line] = bars("met"), bars("missed"), bars("line")
    assert met == 3 * missed


def test_names_are_escaped_and_figures_without_a_goal_left_out() -> None:
    texts = {text.text for text in drawn().iter(f"{SVG}text")}
    assert {"met <&>", "missed", "a run"} <= texts
    assert "no goal" not in texts


def test_it_can_be_read_in_the_dark() -> None:
    [style] = drawn().iter(f"{SVG}style")
    assert "prefers-color-scheme: dark" in (style.text or "")
