"""Who exists in the simulated Duo account, and how a newcomer enrols.

Owns the users and the calls `enroll` and `enroll_status`. It must not know authentications.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable

from ldapproxy.demo.duo_model import Device, Passcode, User
from ldapproxy.demo.duo_parameters import Parameters, invalid, missing, number, required

_ID_ALPHABET = string.ascii_uppercase + string.digits
# Duo's own bounds of valid_secs (a month) and bypass_codes.
_LONGEST_ACTIVATION = 2_592_000
_MOST_BYPASS_CODES = 10


def random_id(prefix: str) -> str:
    """An id as Duo makes them: the prefix and 18 capitals or digits."""
    return prefix + "".join(secrets.choice(_ID_ALPHABET) for _ in range(18))


def random_digits(count: int) -> str:
    """A passcode of `count` digits."""
    return "".join(secrets.choice(string.digits) for _ in range(count))


def random_secret_key() -> str:
    """A secret key as Duo makes them: 40 letters or digits."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(40))


class Accounts:
    """The users, found by name (whatever the case) or by id.

    Args:
        now: gives Duo's time, in seconds since the epoch.
        changed: is called whenever a user changed.
    """

    def __init__(self, now: Callable[[], float], changed: Callable[[], None]) -> None:
        self._now = now
        self._changed = changed
        self._by_name: dict[str, User] = {}
        self._by_id: dict[str, User] = {}

    def all(self) -> list[User]:
        """Every user, in the order in which they were added."""
        return list(self._by_name.values())

    def put(self, user: User) -> None:
        """Adds a user, or replaces the one of that name."""
        former = self._by_name.get(user.name.lower())
        if former is not None:
            self._by_id.pop(former.user_id, None)
        self._by_name[user.name.lower()] = user
        self._by_id[user.user_id] = user
        self._changed()

    def remove(self, name: str) -> None:
        """Removes a user; one that is not there is no error."""
        user = self._by_name.pop(name.lower(), None)
        if user is not None:
            self._by_id.pop(user.user_id, None)
            self._changed()

    def clear(self) -> None:
        """Removes everybody."""
        self._by_name.clear()
        self._by_id.clear()
        self._changed()

    def named(self, name: str) -> User | None:
        """The user of that name. Duo compares names without regard to case."""
        return self._by_name.get(name.lower())

    def find(self, parameters: Parameters) -> User | None:
        """The user that `username` or `user_id` names.

        Raises:
            ApiError: none or both of the parameters are given.
        """
        name, user_id = parameters.get("username"), parameters.get("user_id")
        if name and user_id:
            raise invalid("user_id")
        if name:
            return self.named(name)
        if user_id:
            return self._by_id.get(user_id)
        raise missing("username")

    def add_passcode(self, user: User, code: str, uses: int | None) -> None:
        """Gives a user a further passcode."""
        user.passcodes.append(Passcode(code, uses))
        self._changed()

    def use_passcode(self, user: User, code: str) -> bool:
        """Whether `code` is one of the user's now; the use of it is counted."""
        for passcode in user.passcodes:
            if secrets.compare_digest(passcode.code.encode(), code.encode()):
                if passcode.uses_left is not None:
                    passcode.uses_left -= 1
                    user.passcodes = [other for other in user.passcodes if other.uses_left != 0]
                    self._changed()
                return True
        return False

    def enroll(self, parameters: Parameters) -> dict[str, object]:
        """The `response` of enroll: creates a user with an activation code that a phone can claim.

        Raises:
            ApiError: the name is taken, or a number is out of range.
        """
        name = parameters.get("username") or secrets.token_hex(16)
        seconds = number(parameters, "valid_secs", default=86_400, highest=_LONGEST_ACTIVATION)
        codes = number(parameters, "bypass_codes", default=0, highest=_MOST_BYPASS_CODES)
        if self.named(name) is not None:
            raise invalid("username")
        value = secrets.token_urlsafe(24)
        user = User(name, random_id("DU"), activation_code=f"duo://{value}")
        user.activation_expires = self._now() + seconds
        user.passcodes = [Passcode(random_digits(9), uses_left=1) for _ in range(codes)]
        self.put(user)
        response: dict[str, object] = {
            "user_id": user.user_id,
            "username": user.name,
            "activation_code": user.activation_code,
            "activation_barcode": f"https://duo.invalid/frame/qr?value={value}",
            "activation_url": f"https://duo.invalid/activate/{value}",
            "expiration": int(user.activation_expires),
        }
        if codes:
            response["bypass_codes"] = [passcode.code for passcode in user.passcodes]
        return response

    def enroll_status(self, parameters: Parameters) -> str:
        """The `response` of enroll_status: `success` once a phone claimed the code, `waiting`, or `invalid`.

        Raises:
            ApiError: a parameter is missing.
        """
        user = self._by_id.get(required(parameters, "user_id"))
        code = required(parameters, "activation_code")
        if user is None or user.activation_code != code:
            return "invalid"
        if user.devices:
            return "success"
        return "waiting" if self._now() < user.activation_expires else "invalid"

    def claim_activation(self, code: str) -> bool:
        """A phone scans an activation code; False when there is no such code (any more)."""
        for user in self._by_name.values():
            if user.activation_code == code and not user.devices and self._now() < user.activation_expires:
                user.devices = (Device(random_id("DP"), "New phone", "555-0100"),)
                self._changed()
                return True
        return False
