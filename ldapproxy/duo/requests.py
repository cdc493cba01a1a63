"""The parameters of our calls (pure).

Owns what Duo is told about a login: user, factor, device, and what the phone shows. It must not know how a
request is signed or sent.
"""

from __future__ import annotations

from typing import assert_never
from urllib.parse import quote, urlencode

from ldapproxy.auth.effects import VerifySecondFactor
from ldapproxy.auth.outcomes import Factor
from ldapproxy.auth.policy import Address
from ldapproxy.duo.factors import AskDevice, Question, TryPasscode

Parameters = dict[str, str]


def preauth(login: VerifySecondFactor) -> Parameters:
    """The parameters of preauth."""
    return _who(login)


def auth(login: VerifySecondFactor, question: Question) -> Parameters:
    """The parameters of auth. They hold the passcode, if there is one: never log them."""
    parameters = _who(login) | {"factor": question.factor.value, "async": "1"}
    match question:
        case TryPasscode(code):
            parameters["passcode"] = code.reveal_text()
        case AskDevice(factor, device):
            parameters["device"] = device.id
            if factor is Factor.PUSH:
                # What the person sees before the tap. `display_username` is left out: it could show a name
                # that is not the one that gets in.
                parameters["type"] = login.listener
                parameters["pushinfo"] = urlencode(
                    {"listener": login.listener, "client": str(_plain(login.client))}, quote_via=quote
                )
        case _:
            assert_never(question)
    return parameters


def _who(login: VerifySecondFactor) -> Parameters:
    parameters = {"username": login.username}
    if login.client_is_user:
        # Otherwise the address is that of an application, and Duo lets trusted networks in without a second
        # factor.
        parameters["ipaddr"] = str(_plain(login.client))
    return parameters


def _plain(address: Address) -> Address:
    """An IPv4 client of an IPv6 socket as IPv4, the form that Duo's policies and people know."""
    mapped = address.ipv4_mapped if address.version == 6 else None
    return address if mapped is None else mapped
