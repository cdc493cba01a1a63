"""ldapproxy/offline/qr.py."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import segno

from ldapproxy.offline import qr
from ldapproxy.secret import Secret

URI = Secret(
    "otpauth://totp/ldapproxy:alice?digits=6&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=ldapproxy"
)
SVG = "{http://www.w3.org/2000/svg}"


def test_a_picture_for_a_page() -> None:
    drawn = ET.fromstring(qr.svg(URI, 'QR code of "phone" <& more>'))
    assert drawn.tag.removeprefix(SVG) == "svg"
    title = next(element for element in drawn.iter() if element.tag.removeprefix(SVG) == "title")
    assert title.text == 'QR code of "phone" <& more>'
    assert "JBSWY" not in qr.svg(URI, "t")


def test_lines_for_a_terminal() -> None:
    """Two rows of the code are one line; a block is light, whatever the terminal's colours are."""
    rows: list[list[bool]] = []
    for line in qr.terminal(URI).splitlines():
        assert line.startswith("\x1b[97;40m")
        assert line.endswith("\x1b[0m")
        blocks = line.removeprefix("\x1b[97;40m").removesuffix("\x1b[0m")
        rows += [[block not in "▀█" for block in blocks], [block not in "▄█" for block in blocks]]
    code = segno.make(URI.reveal_text(), error="l", micro=False)
    wanted = [[module == 1 for module in row] for row in code.matrix_iter(border=4)]
    assert rows[: len(wanted)] == wanted
    assert len(wanted[0]) < 80
