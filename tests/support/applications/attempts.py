"""One login as an application sees it.

Owns the result and the contract of all applications.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a login ended.

    Attributes:
        is_in: True when the application let the person in.
        seconds: how long it took.
        said: what the application said, for a failed test's message.
    """

    is_in: bool
    seconds: float
    said: str


@dataclass(frozen=True, slots=True)
class Place:
    """A listener, as an application is told about it.

    Attributes:
        name: the listener's name.
        port: on 127.0.0.1.
    """

    name: str
    port: int


@dataclass(frozen=True, slots=True)
class People:
    """Where an application finds people.

    Attributes:
        base_dn: the entry above them.
        username_attribute: by which they are found.
        search_dn: the account with which an application searches.
        search_password: its password.
    """

    base_dn: str
    username_attribute: str
    search_dn: str
    search_password: str


class Application(Protocol):
    """Something that people log in to."""

    def login(self, listener: str, user: str, credential: str, patience: float = 60.0) -> Attempt:
        """Logs in through a listener; gives up after `patience` seconds."""


def timed(login: Callable[[], tuple[bool, str]]) -> Attempt:
    """An attempt, from what `login` returns: whether the person is in, and what was said."""
    began = time.monotonic()
    is_in, said = login()
    return Attempt(is_in, time.monotonic() - began, said)
