"""Actions are values that can be compared, and shown without a secret."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from ldapproxy.ldap.actions import StartBind, ToDirectory
from ldapproxy.ldap.messages import decode_bind_request
from tests.support.ldap_bytes import bind
from tests.support.ldap_frames import frame_of


def a_bind(password: str) -> StartBind:
    raw = bind(1, "uid=alice", password)
    return StartBind(decode_bind_request(frame_of(raw)), raw, needs_fresh_connection=False)


def test_no_password_is_shown() -> None:
    assert "hunter2" not in repr(a_bind("hunter2"))
    assert "hunter2" not in repr(ToDirectory(frame_of(bind(1, "uid=alice", "hunter2"))))


def test_actions_are_values() -> None:
    assert a_bind("one") == a_bind("one")
    assert a_bind("one") != a_bind("two")
    with pytest.raises(FrozenInstanceError):
        a_bind("one").raw = b""  # type: ignore[misc]
