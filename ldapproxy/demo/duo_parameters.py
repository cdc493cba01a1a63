"""The parameters of an API call, and Duo's way of refusing them.

Owns the error codes of the Auth API and the reading of single parameters. It must not know users or
transactions.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

Parameters = Mapping[str, str]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ApiError(Exception):
    """A request that Duo refuses.

    Attributes:
        code: Duo's five digits; the first three are the HTTP status.
        message: Duo's text for the code.
        detail: the parameter it is about, or None.
    """

    def __init__(self, code: int, message: str, detail: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail


def missing(parameter: str) -> ApiError:
    """A required parameter is not there."""
    return ApiError(40001, "Missing required request parameters", parameter)


def invalid(parameter: str) -> ApiError:
    """A parameter has a value that Duo does not take."""
    return ApiError(40002, "Invalid request parameters", parameter)


def required(parameters: Parameters, name: str) -> str:
    """The parameter `name`.

    Raises:
        ApiError: it is missing or empty.
    """
    value = parameters.get(name)
    if not value:
        raise missing(name)
    return value


def number(parameters: Parameters, name: str, default: int, highest: int) -> int:
    """The parameter `name` as a number from 0 to `highest`.

    Raises:
        ApiError: it is no such number.
    """
    value = parameters.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit()) or int(value) > highest:
        raise invalid(name)
    return int(value)


def address(parameters: Parameters) -> Address | None:
    """The parameter `ipaddr`, which is optional.

    Raises:
        ApiError: it is no address.
    """
    value = parameters.get("ipaddr")
    if not value:
        return None
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        raise invalid("ipaddr") from None
