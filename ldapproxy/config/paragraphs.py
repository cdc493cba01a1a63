"""Titled paragraphs of plain text, wrapped for a terminal.

Owns the layout of `check-config`. It must not know what is said.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

# Fits a terminal and a mail, and leaves DNs in one piece more often than 80 would.
_WIDTH = 100
_MARGIN = 18


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A short title in the margin, and sentences beside it, each on a line of its own."""

    title: str
    sentences: Sequence[str]


def render(heading: str, paragraphs: Sequence[Paragraph]) -> str:
    """The heading, underlined, and the paragraphs under it; those without a sentence are left out."""
    lines = [heading, "-" * len(heading)]
    for paragraph in paragraphs:
        margin = f"  {paragraph.title}"
        for sentence in paragraph.sentences:
            lines += textwrap.wrap(
                sentence,
                width=_WIDTH,
                initial_indent=f"{margin:<{_MARGIN}}",
                subsequent_indent=" " * (_MARGIN + 2),
                # A DN or URL is copied and compared, so it stays in one piece if it can.
                break_long_words=False,
                break_on_hyphens=False,
            )
            margin = ""
    return "\n".join(lines)
