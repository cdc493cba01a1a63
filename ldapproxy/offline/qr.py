"""QR codes of provisioning URIs.

Owns how they are drawn. It must not know what is in them.
"""

from __future__ import annotations

import io

import segno

from ldapproxy.secret import Secret

# Blocks are the light modules. In a terminal with dark letters on light ground they would come out dark, and
# some apps do not read an inverted code.
_WHITE_ON_BLACK, _RESET = "\x1b[97;40m", "\x1b[0m"


def svg(uri: Secret, title: str) -> str:
    """An `<svg>` element for a page, with its title for those who do not see it. It holds the secret."""
    code = segno.make(uri.reveal_text(), error="m", micro=False)
    # A light ground of its own: on a dark page the code could not be read.
    return str(code.svg_inline(scale=5, border=4, light="#fff", dark="#000", title=title, omitsize=False))


def terminal(uri: Secret) -> str:
    """Lines for a terminal. They hold the secret."""
    drawn = io.StringIO()
    segno.make(uri.reveal_text(), error="l", micro=False).terminal(out=drawn, compact=True)
    return "".join(f"{_WHITE_ON_BLACK}{line}{_RESET}\n" for line in drawn.getvalue().splitlines())
