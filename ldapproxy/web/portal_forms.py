"""What a browser sends to the portal: requests, cookies, form fields, and whether our own page sent them.

Owns their names and forms, and the tokens that keep other web pages from sending forms in a person's name. It
must not know what any form does.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from ldapproxy.auth.policy import Address
from ldapproxy.secret import Secret
from ldapproxy.web.portal_sessions import is_token

SESSION: Final = "__Host-ldapproxy-session"
"""The cookie of somebody who is signed in."""

BROWSER: Final = "__Host-ldapproxy-browser"
"""The cookie of a browser in which nobody is: it ties the sign-in form, and a sign-in that waits, to it.
Another one than the session's, since a link from elsewhere comes without cookies, and the answer to it must
not overwrite that one."""

LARGEST_FORM: Final = 8192
"""Bytes. A name, a password, and a token; percent-encoding triples them at most."""

_MOST_FIELDS: Final = 8

# RFC 6265bis: "__Host-" makes browsers insist on Secure, on the path /, and on no Domain, so that no other
# host can set or read it. Strict: no other site's page can make a browser send it.
_ATTRIBUTES: Final = "Path=/; Secure; HttpOnly; SameSite=Strict"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request.

    Attributes:
        method: in upper case.
        path: without the query string.
        client: the browser's address.
        query: the fields of the query string.
        fields: those of the form; empty unless it is a POST.
        is_ours: False when the browser says that another site's page has sent it.
        session: the token of the session cookie; empty when there is none.
        browser: the token of the other cookie; empty when there is none.
    """

    method: str
    path: str
    client: Address
    query: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_ours: bool = True
    session: str = field(default="", repr=False)
    browser: str = field(default="", repr=False)


class BadFormError(Exception):
    """The body of a request is no form of ours."""


class FormTokens:
    """Tokens for forms: what only a page of ours, shown in this very browser, can hold.

    Args:
        key: as long as the process; forms of an earlier one are too old.
    """

    def __init__(self, key: Secret) -> None:
        self._key = key

    def of(self, cookie: str) -> str:
        """The token for the forms of the browser, or session, with this cookie."""
        digest = hmac.digest(self._key.reveal(), cookie.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def fits(self, cookie: str, token: str) -> bool:
        """Whether the token belongs to this cookie."""
        return is_token(cookie) and hmac.compare_digest(self.of(cookie).encode(), token.encode())


def set_cookie(name: str, token: str) -> str:
    """A header field value that sets a cookie until the browser is closed."""
    return f"{name}={token}; {_ATTRIBUTES}"


def drop_cookie(name: str) -> str:
    """A header field value that removes a cookie."""
    return f"{name}=; {_ATTRIBUTES}; Max-Age=0"


def read_cookie(cookies: Mapping[bytes, bytes], name: str) -> str:
    """A cookie's token; empty when it is not there, or no token."""
    value = cookies.get(name.encode(), b"").decode("ascii", errors="replace")
    return value if is_token(value) else ""


def read_form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form, each at most once.

    Raises:
        BadFormError: it is none, or not one that a page of ours sends.
    """
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise BadFormError("not the content type of a form")
    return read_query(body)


def read_query(text: bytes) -> dict[str, str]:
    """The fields of a query string, each at most once.

    Raises:
        BadFormError: it is none, or not one that a page of ours makes.
    """
    if not text:
        return {}
    try:
        pairs = parse_qsl(
            text.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        # Without the text, which may hold a password.
        raise BadFormError("not url-encoded fields") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadFormError("a field comes twice")
    return fields


def is_from_our_page(host: str, origin: str, fetch_site: str) -> bool:
    """Whether a browser says that a page of ours sent the request. The second lock, beside the form's token.

    Args:
        host: the Host field.
        origin: the Origin field; empty when there is none, and `null` where the Referrer-Policy of our pages
            keeps it from being told (https://fetch.spec.whatwg.org/#append-a-request-origin-header).
        fetch_site: the Sec-Fetch-Site field; empty when there is none.
    """
    if fetch_site not in ("", "same-origin"):
        return False
    if origin in ("", "null"):
        return True
    parts = urlsplit(origin)
    return parts.scheme == "https" and parts.netloc.lower() == host.lower()
