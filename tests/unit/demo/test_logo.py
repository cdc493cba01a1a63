"""The account's logo."""

from __future__ import annotations

import struct
import zlib

from ldapproxy.demo.logo import LOGO


def test_the_logo_is_a_whole_png() -> None:
    assert LOGO.startswith(b"\x89PNG\r\n\x1a\n")
    kinds, position = [], 8
    while position < len(LOGO):
        (length,) = struct.unpack_from(">I", LOGO, position)
        kind, data = LOGO[position + 4 : position + 8], LOGO[position + 8 : position + 8 + length]
        (checksum,) = struct.unpack_from(">I", LOGO, position + 8 + length)
        assert checksum == zlib.crc32(kind + data)
        kinds.append(kind)
        if kind == b"IHDR":
            width, height = struct.unpack_from(">II", data)
        if kind == b"IDAT":
            assert len(zlib.decompress(data)) == height * (1 + 3 * width)
        position += length + 12
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]
