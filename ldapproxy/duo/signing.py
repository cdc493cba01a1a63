"""Signatures of our requests, with the clock that Duo has.

Owns the Authorization header, which `duo_hmac` makes, and the offset between Duo's clock and ours. It must
not know how requests are sent, nor who learns the offset.
"""

from __future__ import annotations

import email.utils
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from duo_hmac.duo_hmac import DuoHmac

from ldapproxy.duo.calls import Endpoint
from ldapproxy.duo.settings import DuoSettings


@dataclass(frozen=True, slots=True, repr=False)
class SignedRequest:
    """A request ready to send. Without a repr: the body may hold a passcode.

    Attributes:
        query: the query string without the question mark; empty when there is none.
        headers: with the signature and the date that it covers.
        body: None for a request without one.
    """

    query: str
    headers: Mapping[str, str]
    body: bytes | None


class Signer:
    """Signs requests of one Duo application.

    Duo's signature covers the date, and a date that is minutes off is refused. Duo's date is our clock plus
    `offset`, so a clock that is hours off does not lock everybody out.

    Attributes:
        offset: Duo's clock minus ours, in seconds; 0 until somebody knows better.
    """

    def __init__(self, settings: DuoSettings, clock: Callable[[], float]) -> None:
        self.offset = 0.0
        self._date = _Date(self, clock)
        self._host_and_path = {endpoint: f"{settings.api_host}{endpoint.path}" for endpoint in Endpoint}
        # duo_hmac's own class gives its repr no key, and its errors none either.
        self._hmac = DuoHmac(
            settings.integration_key, settings.secret_key.reveal_text(), settings.api_host, self._date
        )

    def sign(self, endpoint: Endpoint, parameters: Mapping[str, str]) -> SignedRequest:
        """Signs a call: parameters go into a JSON body or a query string, as the method has it."""
        uri, body, headers = self._hmac.get_authentication_components(
            endpoint.method, endpoint.path, parameters
        )
        query = uri[len(self._host_and_path[endpoint]) + 1 :]
        return SignedRequest(query, headers, None if body is None else body.encode())


class _Date:
    """The date of a signature; formatted once a second, since many logins share it."""

    def __init__(self, signer: Signer, clock: Callable[[], float]) -> None:
        self._signer = signer
        self._clock = clock
        self._second = -1
        self._text = ""

    def get_rfc_2822_date_string(self) -> str:
        """What duo_hmac asks for."""
        second = int(self._clock() + self._signer.offset)
        if second != self._second:
            self._second, self._text = second, email.utils.formatdate(second)
        return self._text
