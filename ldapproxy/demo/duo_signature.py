"""Is a request signed with our keys, at about this time?

Owns the check of the `Authorization` and date headers of Duo's Auth API. It must not know what a request
asks for.

The canonical text is that of Duo's documentation ("Authentication") as the official `duo_client` and
`duo_hmac` produce it: version 2 (parameters; HMAC-SHA1 or HMAC-SHA512), version 4 (JSON body) and version 5
(JSON body and `X-Duo-*` headers), the latter two with HMAC-SHA512.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import lru_cache
from urllib.parse import quote

# Duo refuses requests whose date is further off than five minutes.
TIMESTAMP_TOLERANCE = 300.0


class SignatureProblem(Enum):
    """Why a request was refused: Duo's error code and message."""

    MISSING_CREDENTIALS = (40101, "Missing request credentials")
    INVALID_INTEGRATION_KEY = (40102, "Invalid integration key in request credentials")
    INVALID_SIGNATURE = (40103, "Invalid signature in request credentials")
    MISSING_TIMESTAMP = (40104, "Missing request timestamp")
    BAD_TIMESTAMP = (40105, "Bad request timestamp")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The parts of a request that a signature covers.

    Attributes:
        method: the HTTP method.
        host: the `Host` header, with or without a port.
        path: without the query.
        parameters: of the query and of a form body, decoded.
        body: the body as sent; empty when there is none or when it is a form.
        headers: names in lower case, in the order sent.
    """

    method: str
    host: str
    path: str
    parameters: Sequence[tuple[str, str]]
    body: bytes
    headers: Sequence[tuple[str, str]]

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key == name), None)


def problem_of(
    request: SignedRequest, integration_key: str, secret_key: bytes, now: float
) -> SignatureProblem | None:
    """What is wrong with the signature of `request`; None when it is good.

    Args:
        request: the request.
        integration_key: the key that the request must name.
        secret_key: the key that it must be signed with.
        now: Duo's time, in seconds since the epoch.
    """
    credentials = _credentials(request.header("authorization"))
    if credentials is None:
        return SignatureProblem.MISSING_CREDENTIALS
    date = request.header("x-duo-date") or request.header("date")
    if not date:
        return SignatureProblem.MISSING_TIMESTAMP
    if not _is_current(date, now):
        return SignatureProblem.BAD_TIMESTAMP
    key, signature = credentials
    if not hmac.compare_digest(key.encode(), integration_key.encode()):
        return SignatureProblem.INVALID_INTEGRATION_KEY
    # HMAC-SHA1 has 40 hexadecimal digits and exists in version 2 only.
    digest = hashlib.sha1 if len(signature) == 40 else hashlib.sha512
    for text in _canonical_texts(request, date, version_2_only=len(signature) == 40):
        expected = hmac.new(secret_key, text.encode(), digest).hexdigest()
        if hmac.compare_digest(expected.encode(), signature.lower().encode()):
            return None
    return SignatureProblem.INVALID_SIGNATURE


def _credentials(authorization: str | None) -> tuple[str, str] | None:
    """Integration key and signature of a Basic `Authorization` header."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        key, found, signature = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (key, signature) if found else None


def _is_current(date: str, now: float) -> bool:
    """Whether the RFC 2822 `date` is close enough to `now`."""
    seconds = _seconds(date)
    return seconds is not None and abs(seconds - now) <= TIMESTAMP_TOLERANCE


@lru_cache(maxsize=64)  # all requests of one second carry the same text
def _seconds(date: str) -> float | None:
    """The RFC 2822 `date` in seconds since the epoch; None when it is no date."""
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    # A date in zone "-0000", which duo_client sends, comes without a time zone; it means UTC (RFC 2822, 3.3).
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()


def _canonical_texts(request: SignedRequest, date: str, version_2_only: bool) -> Iterator[str]:
    """Every text that a correct client may have signed, the likeliest first."""
    parameters = _canonical_parameters(request.parameters)
    body_hash = hashlib.sha512(request.body).hexdigest()
    headers_hash = _canonical_headers(request.headers)
    for host in _hosts(request.host):
        version_2 = "\n".join([date, request.method.upper(), host, request.path, parameters])
        if version_2_only:
            yield version_2
            continue
        version_4 = f"{version_2}\n{body_hash}"
        yield f"{version_4}\n{headers_hash}"
        yield version_4
        if not request.body:
            yield version_2


def _hosts(host_header: str) -> Iterator[str]:
    """The host with and without its port: clients sign what they were given as the API host."""
    host = host_header.lower()
    name, found, port = host.rpartition(":")
    if found and port.isdigit():
        yield name
        if name.startswith("["):
            yield name[1:-1]
    yield host


def _canonical_parameters(parameters: Sequence[tuple[str, str]]) -> str:
    """Parameters as in OAuth 1.0 (RFC 5849, section 3.4.1.3.2): quoted, then sorted."""
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in parameters)
    return "&".join(f"{name}={value}" for name, value in pairs)


def _canonical_headers(headers: Sequence[tuple[str, str]]) -> str:
    """The hash of the `X-Duo-*` headers, sorted by name."""
    signed = sorted((name, value) for name, value in headers if name.startswith("x-duo-"))
    return hashlib.sha512("\x00".join(part for pair in signed for part in pair).encode()).hexdigest()
