"""An effect yields itself once and returns what was sent."""

from __future__ import annotations

import pytest

from ldapproxy.auth.effects import AskWhoIsBound, VerifyOffline, VerifyPrimary
from ldapproxy.secret import Secret


def test_an_effect_yields_itself_and_returns_the_answer() -> None:
    effect = AskWhoIsBound()
    question = iter(effect)
    assert next(question) is effect
    with pytest.raises(StopIteration) as stopped:
        question.send(None)
    assert stopped.value.value is None


def test_effects_show_no_secrets() -> None:
    assert "hunter2" not in repr(VerifyPrimary(Secret("hunter2")))
    assert "123456" not in repr(VerifyOffline("identity", Secret("123456")))
