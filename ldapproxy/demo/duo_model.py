"""The words of the Duo simulator: users, devices, passcodes, transactions and how far they have come.

Owns the values; the rules are in `duo_service`. It must not know HTTP, signatures or the event loop.

Names and texts are those of Duo's Auth API v2 (https://duo.com/docs/authapi).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique


@unique
class UserStatus(Enum):
    """The status of a user in Duo's Admin Panel."""

    ACTIVE = "active"
    BYPASS = "bypass"
    DISABLED = "disabled"
    LOCKED_OUT = "locked_out"


@unique
class Capability(Enum):
    """What a device can be asked for: the closed set of preauth's `capabilities`."""

    AUTO = "auto"
    PUSH = "push"
    SMS = "sms"
    PHONE = "phone"
    MOBILE_OTP = "mobile_otp"


@unique
class DeviceType(Enum):
    """The kinds of devices that preauth lists."""

    PHONE = "phone"
    TOKEN = "token"  # noqa: S105 - the kind of device, no secret


@unique
class Factor(Enum):
    """The `factor` of an auth call."""

    AUTO = "auto"
    PUSH = "push"
    PASSCODE = "passcode"
    SMS = "sms"
    PHONE = "phone"


@unique
class Answer(Enum):
    """What a person does with a push or a call."""

    APPROVE = "approve"
    DENY = "deny"
    FRAUD = "fraud"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class AutomaticAnswer:
    """An answer given without a person, `after` so many seconds (0: at once)."""

    answer: Answer
    after: float = 0.0


SMARTPHONE = (Capability.AUTO, Capability.PUSH, Capability.SMS, Capability.PHONE, Capability.MOBILE_OTP)


@dataclass(frozen=True, slots=True)
class Device:
    """A phone or a hardware token.

    Attributes:
        device_id: `DP` (phone) or `DH` (token) and 18 letters or digits.
        name: the name that the user or administrator gave it; may be empty, as Duo allows.
        number: the telephone number; empty for a token or a tablet.
        type: phone or token.
        capabilities: in Duo's order; empty for a token.
    """

    device_id: str
    name: str = ""
    number: str = ""
    type: DeviceType = DeviceType.PHONE
    capabilities: tuple[Capability, ...] = SMARTPHONE

    @property
    def masked_number(self) -> str:
        """The number as Duo shows it to applications: only the last four digits."""
        digits = "".join(filter(str.isdigit, self.number))
        return f"XXX-XXX-{digits[-4:]}" if digits else ""

    @property
    def display_name(self) -> str:
        """The name as Duo shows it to people, such as `Alice's phone (XXX-XXX-0100)`."""
        name = self.name or ("Token" if self.type is DeviceType.TOKEN else "Phone")
        return f"{name} ({self.masked_number})" if self.masked_number else name

    def can(self, capability: Capability) -> bool:
        """Whether the device can be asked for `capability`."""
        return capability in self.capabilities


@dataclass(slots=True)
class Passcode:
    """A code of a token, an SMS or an administrator (bypass code).

    Attributes:
        code: the digits, or a YubiKey's 44 letters.
        uses_left: how many logins it is still good for; None means any number.
    """

    code: str = field(repr=False)
    uses_left: int | None = None


@dataclass(slots=True)
class User:
    """A user of the simulated Duo account.

    Attributes:
        name: as enrolled; compared without regard to case, as Duo does.
        user_id: `DU` and 18 letters or digits.
        status: the status in the Admin Panel.
        devices: in the order that preauth lists them.
        passcodes: those that are valid now.
        automatic: how this user answers pushes and calls without a person; None means: as set for everybody.
        activation_code: set by an enrolment that nobody has claimed yet.
        activation_expires: when that code ends, in seconds since the epoch.
    """

    name: str
    user_id: str
    status: UserStatus = UserStatus.ACTIVE
    devices: tuple[Device, ...] = ()
    passcodes: list[Passcode] = field(default_factory=list)
    automatic: AutomaticAnswer | None = None
    activation_code: str | None = None
    activation_expires: float = 0.0

    @property
    def is_enrolled(self) -> bool:
        """Whether there is anything to authenticate with."""
        return bool(self.devices or self.passcodes)

    def first_device(self, capability: Capability) -> Device | None:
        """The first device with `capability`, which is what `device=auto` means."""
        return next((device for device in self.devices if device.can(capability)), None)

    def device(self, device_id: str) -> Device | None:
        """The device of that id, if it is this user's."""
        return next((device for device in self.devices if device.device_id == device_id), None)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a transaction has come, in the words of auth and auth_status."""

    result: str
    status: str
    status_msg: str

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow."""
        return self.result != "waiting"

    def response(self) -> dict[str, str]:
        """The `response` of an API answer."""
        return {"result": self.result, "status": self.status, "status_msg": self.status_msg}


PUSHED = Progress("waiting", "pushed", "Pushed a login request to your device...")
ALLOWED = Progress("allow", "allow", "Success. Logging you in...")
BYPASSED = Progress("allow", "bypass", "Bypassing authentication.")
DENIED = Progress("deny", "deny", "Login request denied.")
WRONG_PASSCODE = Progress("deny", "deny", "Incorrect passcode. Please try again.")
FRAUD = Progress("deny", "fraud", "Login request reported as fraudulent.")
TIMED_OUT = Progress("deny", "timeout", "Login timed out.")
SMS_SENT = Progress("deny", "sent", "New SMS passcodes sent.")
DISABLED = Progress("deny", "deny", "Your account is disabled and cannot access this application.")
LOCKED_OUT = Progress("deny", "locked_out", "Your account has been locked out due to excessive failures.")


def calling(device: Device) -> Progress:
    """The progress of a call that has not been answered yet."""
    return Progress("waiting", "calling", f"Calling your phone ({device.masked_number})...")


def by_person(answer: Answer) -> Progress:
    """What an answer makes of a transaction.

    Raises:
        ValueError: the answer is to ignore it, which makes nothing of it.
    """
    match answer:
        case Answer.APPROVE:
            return ALLOWED
        case Answer.DENY:
            return DENIED
        case Answer.FRAUD:
            return FRAUD
        case Answer.IGNORE:
            raise ValueError("a push that is ignored stays as it is; there is nothing to answer")


@dataclass(frozen=True, slots=True)
class AuthRequest:
    """The parameters of an auth call, checked and with the device resolved.

    Attributes:
        user: who logs in.
        factor: the factor used; AUTO has been resolved to PUSH or PHONE.
        device: the device that is asked; None for a passcode.
        type: what Duo Mobile shows before the word "request"; we send the listener's name.
        pushinfo: pairs that Duo Mobile shows, in order.
        ipaddr: the user's address as told by the application; empty when it was not.
        display_username: the name to show instead of the user's own; empty when none was given.
        passcode: the code; empty for the other factors.
    """

    user: User
    factor: Factor
    device: Device | None
    type: str = ""
    pushinfo: tuple[tuple[str, str], ...] = ()
    ipaddr: str = ""
    display_username: str = ""
    passcode: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class WaitingPush:
    """A push or call that waits for a person, as the phone page and the tests see it.

    Attributes:
        txid: the transaction.
        user: the user's name.
        device_id: the device that was asked.
        device: the device's name as shown to people.
        factor: `push` or `phone`.
        type: what the application called the request.
        pushinfo: what the application told about it.
        ipaddr: the address that was sent as the user's own.
        display_username: the name that the application wants shown.
        seconds_left: until it times out.
    """

    txid: str
    user: str
    device_id: str
    device: str
    factor: str
    type: str
    pushinfo: tuple[tuple[str, str], ...]
    ipaddr: str
    display_username: str
    seconds_left: float


@dataclass(frozen=True, slots=True)
class EndedLogin:
    """An authentication that is over, as the phone page lists it.

    Attributes:
        txid: the transaction.
        user: the user's name.
        device: the device's name as shown to people; empty for a passcode.
        factor: the factor that was used.
        type: what the application called the request.
        result: `allow` or `deny`.
        status_msg: Duo's text for the person.
    """

    txid: str
    user: str
    device: str
    factor: str
    type: str
    result: str
    status_msg: str
