"""QR codes of provisioning URIs.

Owns how they are drawn. It must not know what is in them.
"""

from __future__ import annotations

import io

import segno

from ldapproxy.secret import Secret


def svg(uri: Secret, title: str) -> str:
    """An `<svg>` element for a page, with its title for those who do not see it. It holds the secret."""
    code = segno.make(uri.reveal_text(), error="m", micro=False)
    # A light ground of its own: on a dark page the code could not be read.
    return str(code.svg_inline(scale=5, border=4, light="#fff", dark="#000", title=title, omitsize=False))


def terminal(uri: Secret) -> str:
    """Lines for a terminal. They hold the secret."""
    drawn = io.StringIO()
    segno.make(uri.reveal_text(), error="l", micro=False).terminal(out=drawn, compact=True)
    return drawn.getvalue()
