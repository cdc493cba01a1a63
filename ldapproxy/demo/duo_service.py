"""What the simulated Duo decides: preauth and auth.

Owns the rules and the settings of the simulated account. It must not know HTTP or signatures.

The rules follow the documentation of Duo's Auth API v2 (https://duo.com/docs/authapi).
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from urllib.parse import parse_qsl

from ldapproxy.demo.duo_accounts import Accounts, random_digits
from ldapproxy.demo.duo_model import (
    ALLOWED,
    BYPASSED,
    DISABLED,
    LOCKED_OUT,
    PUSHED,
    SMS_SENT,
    WRONG_PASSCODE,
    Answer,
    AuthRequest,
    AutomaticAnswer,
    Capability,
    Device,
    DeviceType,
    Factor,
    Progress,
    User,
    UserStatus,
    by_person,
    calling,
)
from ldapproxy.demo.duo_parameters import Parameters, address, invalid, required
from ldapproxy.demo.duo_transactions import Transaction, Transactions

# Duo waits a minute for a person to answer a push.
PUSH_TIMEOUT = 60.0
# Duo's own limit on the URL-encoded pushinfo, in bytes.
PUSHINFO_LIMIT = 20_000

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Duo:
    """The simulated Duo account.

    Attributes:
        accounts: the users.
        transactions: the authentications.
        automatic: how everybody without an answer of their own answers; None: as people do on the phone page.
        push_timeout: seconds until a push or call times out.
        clock_offset: seconds by which Duo's clock is ahead of this machine's.
        trusted_networks: addresses (`ipaddr`) that preauth lets in without a second factor.
    """

    def __init__(self) -> None:
        self._observers: list[Callable[[], None]] = []
        self.accounts = Accounts(self.now, self._changed)
        self.transactions = Transactions(self._changed)
        self._default_settings()

    def _default_settings(self) -> None:
        self.automatic: AutomaticAnswer | None = None
        self.push_timeout = PUSH_TIMEOUT
        self.clock_offset = 0.0
        self.trusted_networks: tuple[Network, ...] = ()

    def reset(self) -> None:
        """Removes all users, ends all transactions and returns all settings to their defaults."""
        self.transactions.time_out_all()
        self.accounts.clear()
        self._default_settings()

    def observe(self, changed: Callable[[], None]) -> None:
        """Calls `changed` whenever a push starts or ends, or a user or passcode changes."""
        self._observers.append(changed)

    def _changed(self) -> None:
        for changed in self._observers:
            changed()

    def now(self) -> float:
        """Duo's time, in seconds since the epoch."""
        return time.time() + self.clock_offset

    def preauth(self, parameters: Parameters) -> dict[str, object]:
        """The `response` of preauth: may the user log in, and with what?

        Raises:
            ApiError: the parameters are not those of preauth.
        """
        user = self.accounts.find(parameters)
        client = address(parameters)
        if user is None or _must_enroll(user):
            return {
                "result": "enroll",
                "status_msg": "Enroll an authentication device to proceed",
                "enroll_portal_url": "https://duo.invalid/portal",
            }
        without_factor = _by_status(user)
        if without_factor is not None:
            return {"result": without_factor.result, "status_msg": without_factor.status_msg}
        if client is not None and any(client in network for network in self.trusted_networks):
            return {"result": "allow", "status_msg": "Trusted network"}
        devices = [_preauth_device(device) for device in user.devices]
        return {"result": "auth", "status_msg": "Account is active", "devices": devices}

    def auth(self, parameters: Parameters) -> Transaction:
        """Starts an authentication: a passcode or an SMS ends at once, a push or a call waits for a person.

        Raises:
            ApiError: the parameters are not those of auth, or name no user or no capable device.
        """
        request = self._request(parameters)
        final = _by_status(request.user)
        if final is not None:
            return self.transactions.add_ended(request, final)
        match request.factor:
            case Factor.PASSCODE:
                right = self.accounts.use_passcode(request.user, request.passcode)
                return self.transactions.add_ended(request, ALLOWED if right else WRONG_PASSCODE)
            case Factor.SMS:
                # Duo sends a batch; one code is enough to try things out.
                self.accounts.add_passcode(request.user, random_digits(7), uses=1)
                return self.transactions.add_ended(request, SMS_SENT)
            case _:
                return self._ask_person(request)

    def _ask_person(self, request: AuthRequest) -> Transaction:
        """Sends a push or calls; the answer may be given already."""
        automatic = request.user.automatic or self.automatic
        if automatic is not None and automatic.answer is not Answer.IGNORE and automatic.after <= 0:
            return self.transactions.add_ended(request, by_person(automatic.answer))
        assert request.device is not None
        progress = calling(request.device) if request.factor is Factor.PHONE else PUSHED
        return self.transactions.add_waiting(request, progress, self.push_timeout, automatic)

    def _request(self, parameters: Parameters) -> AuthRequest:
        """Checks the parameters of an auth call and finds user and device."""
        try:
            factor = Factor(required(parameters, "factor"))
        except ValueError:
            raise invalid("factor") from None
        if parameters.get("async", "0") not in ("0", "1"):
            raise invalid("async")
        user = self.accounts.find(parameters)
        if user is None or _must_enroll(user):
            raise invalid("username" if parameters.get("username") else "user_id")
        client = address(parameters)
        pushinfo = parameters.get("pushinfo", "")
        if len(pushinfo.encode()) >= PUSHINFO_LIMIT:
            raise invalid("pushinfo")
        device = None
        if factor is not Factor.PASSCODE:
            factor, device = _choose(user, factor, required(parameters, "device"))
        return AuthRequest(
            user=user,
            factor=factor,
            device=device,
            type=parameters.get("type", ""),
            pushinfo=tuple(parse_qsl(pushinfo, keep_blank_values=True)),
            ipaddr=str(client or ""),
            display_username=parameters.get("display_username", ""),
            passcode=required(parameters, "passcode") if factor is Factor.PASSCODE else "",
        )


def _must_enroll(user: User) -> bool:
    return user.status is UserStatus.ACTIVE and not user.is_enrolled


def _by_status(user: User) -> Progress | None:
    """What the user's status alone decides; None when a factor is to be asked for."""
    match user.status:
        case UserStatus.DISABLED:
            return DISABLED
        case UserStatus.LOCKED_OUT:
            return LOCKED_OUT
        case UserStatus.BYPASS:
            return BYPASSED
        case UserStatus.ACTIVE:
            return None


def _choose(user: User, factor: Factor, device_id: str) -> tuple[Factor, Device | None]:
    """The factor to use (`auto`: push, else a call) and the device to ask.

    A user whose status decides alone needs no device.

    Raises:
        ApiError: the device is unknown or cannot do what the factor needs.
    """
    if _by_status(user) is not None:
        return factor, None
    wanted = (Factor.PUSH, Factor.PHONE) if factor is Factor.AUTO else (factor,)
    for candidate in wanted:
        capability = Capability(candidate.value)
        device = user.first_device(capability) if device_id == "auto" else user.device(device_id)
        if device is not None and device.can(capability):
            return candidate, device
    raise invalid("device")


def _preauth_device(device: Device) -> dict[str, object]:
    """A device as preauth lists it; a token has neither number nor capabilities."""
    view: dict[str, object] = {
        "device": device.device_id,
        "type": device.type.value,
        "name": device.name,
        "display_name": device.display_name,
    }
    if device.type is DeviceType.PHONE:
        view["number"] = device.masked_number
        view["capabilities"] = [capability.value for capability in device.capabilities]
    return view
