"""Frames for tests of decoders: the one way from bytes to a decoded request is through the framer.

Owns nothing but the short cut.
"""

from __future__ import annotations

from itertools import pairwise

from ldapproxy.ldap.framing import Frame, MessageFramer


def frame_of(message: bytes) -> Frame:
    """The frame of one whole message; a messageID of 0 is accepted.

    Raises:
        DecodeError: it is no well-formed message.
        ValueError: it is not exactly one.
    """
    framer = MessageFramer(len(message), allow_zero_id=True)
    framer.append(message)
    frame = framer.next()
    if frame is None or framer.buffered:
        raise ValueError("these bytes are not exactly one message")
    return frame


def frames_of(*pieces: bytes, limit: int = 100_000, allow_zero_id: bool = True) -> list[Frame]:
    """All frames that come out of the pieces; at the end nothing may be left."""
    framer = MessageFramer(limit, allow_zero_id=allow_zero_id)
    frames = []
    for piece in pieces:
        framer.append(piece)
        while (frame := framer.next()) is not None:
            frames.append(frame)
    assert framer.buffered == 0
    return frames


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The same bytes in pieces, cut at these places."""
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]
