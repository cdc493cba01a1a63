"""The picture of the README: how fast each peer is, and how the figures stand to their goals.

Owns the SVG. It must not know how anything is measured. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from tests.bench.figures import Figure, Reached, Result, Series
from tests.bench.report import goals, with_unit

_WIDTH = 860
_LABELS = 330  # where bars begin
_BARS = 380  # how long the longest may be; the rest of the width is for its number
_BAR, _GAP = 13, 10
_MOST = 2.0  # a goal that is met twice over, or more, fills its bar
# The page decides whether it is light or dark; a picture in it can only ask.
_STYLE = """text { font: 12px system-ui, sans-serif; fill: #24292f }
.faint { fill: #57606a } .title { font-weight: 600; font-size: 13px }
.slapd, .line { fill: #8c959f } .haproxy { fill: #54aeff } .back-ldap { fill: #bf8700 }
.ldapproxy { fill: #1a7f37 }
.met { fill: #1a7f37 } .missed { fill: #cf222e }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .faint { fill: #9198a1 }
  .slapd, .line { fill: #6e7681 } .haproxy { fill: #388bfd } .back-ldap { fill: #d29922 }
  .ldapproxy, .met { fill: #3fb950 } .missed { fill: #f85149 }
}"""


def plot(results: Iterable[Result], title: str) -> str:
    """An SVG of all of them.

    Args:
        results: what was measured; what has neither peers nor a goal is left out.
        title: one line about the run.
    """
    results = list(results)
    cases: dict[str, list[Series]] = {}
    for one in (series for result in results for series in result.series):
        cases.setdefault(one.case, []).append(one)
    figures = [one for result in results for one in result.figures if one.goal is not None]
    canvas = _Canvas()
    canvas.text(0, title, "faint")
    canvas.down(24)
    for case, peers in cases.items():
        canvas.text(0, case, "title")
        _peers(canvas, peers)
        canvas.down(_GAP)
    if figures:
        canvas.text(0, "goals: a bar that passes the line has met its goal", "title")
        canvas.down(18)
        _goals(canvas, figures)
    return canvas.svg(title)


class _Canvas:
    """What has been drawn, from the top down."""

    def __init__(self) -> None:
        self._shapes: list[str] = []
        self.y = 18

    def down(self, by: int) -> None:
        self.y += by

    def text(self, x: float, text: str, kind: str = "", anchor: str = "start") -> None:
        self._shapes.append(
            f'<text x="{x:.0f}" y="{self.y}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def bar(self, length: float, kind: str) -> None:
        self._shapes.append(
            f'<rect x="{_LABELS}" y="{self.y - 10}" width="{max(length, 1):.1f}" height="{_BAR}" '
            f'class="{kind}"/>'
        )

    def line(self, x: float, top: int) -> None:
        self._shapes.append(f'<rect x="{x:.1f}" y="{top}" width="1.5" height="{self.y - top}" class="line"/>')

    def svg(self, title: str) -> str:
        return "\n".join(
            [
                '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
                f'viewBox="-8 0 {_WIDTH + 16} {self.y + 8}">',
                f"<title>{escape(title)}</title>",
                f"<style>{_STYLE}</style>",
                *self._shapes,
                "</svg>",
                "",
            ]
        )


def _peers(canvas: _Canvas, peers: list[Series]) -> None:
    fastest = max(one.value for one in peers)
    for one in peers:
        length = _BARS * one.value / fastest
        kind = next(
            (name for name in ("slapd", "haproxy", "back-ldap") if one.peer.startswith(name)), "ldapproxy"
        )
        canvas.text(_LABELS - 8, one.peer, anchor="end")
        canvas.bar(length, kind)
        canvas.text(_LABELS + length + 6, with_unit(one.value, one.unit))
        canvas.down(_BAR + 3)


def _goals(canvas: _Canvas, figures: list[Figure]) -> None:
    top = canvas.y - 14
    for one in figures:
        assert one.goal is not None
        share = min(one.goal.share(one.value), _MOST)
        length = _BARS * share / _MOST
        canvas.text(_LABELS - 8, _short(one.name), anchor="end")
        canvas.bar(length, "missed" if one.reached is Reached.MISSED else "met")
        bound, _ = goals(one.goal)
        canvas.text(_LABELS + max(length, _BARS / _MOST) + 6, f"{with_unit(one.value, one.unit)} ({bound})")
        canvas.down(_BAR + 4)
    canvas.line(_LABELS + _BARS / _MOST, top)


def _short(name: str) -> str:
    """A name that fits beside the bars."""
    most = 52
    return name if len(name) <= most else f"{name[: most - 1]}…"
