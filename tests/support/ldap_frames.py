"""Frames for tests of decoders: the one way from bytes to a decoded request is through the framer.

Owns nothing but the short cut.
"""

from __future__ import annotations

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
