"""The portal's ports and those who are wired to them agree, name by name and argument by argument."""

from __future__ import annotations

import inspect

import pytest

from ldapproxy.self_service import SelfService
from ldapproxy.sign_in import PortalSignIn
from ldapproxy.web import portal_ports
from tests.unit.net.test_ports import methods
from tests.unit.web.portal_scene import ScriptedAuthenticators, ScriptedSignIn


@pytest.mark.parametrize(
    ("port", "wired"),
    [
        (portal_ports.SignIn, PortalSignIn),
        (portal_ports.SignIn, ScriptedSignIn),
        (portal_ports.Authenticators, SelfService),
        (portal_ports.Authenticators, ScriptedAuthenticators),
    ],
    ids=lambda given: given.__name__,
)
def test_who_is_wired_to_a_port_has_all_of_it(port: type, wired: type) -> None:
    assert methods(port)
    for name, declared in methods(port).items():
        method = getattr(wired, name)
        assert inspect.iscoroutinefunction(method) == inspect.iscoroutinefunction(declared), name
        assert list(inspect.signature(method).parameters) == list(inspect.signature(declared).parameters)
