"""What the outside world said, and what we make of it: closed sets of words.

Owns the vocabulary that the other floors share: outcomes of the primary, of look-ups, of the second factor,
of an offline code, and the reasons of a verdict. It must not know how any of them is found out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

from ldapproxy.ldap.dn import DistinguishedName


@unique
class FailMode(Enum):
    """What happens to a login while Duo cannot be reached. Only `fail_mode.decide` branches on it."""

    CLOSED = "closed"
    OPEN = "open"
    OFFLINE = "offline"


@unique
class Factor(Enum):
    """The factors that a listener may allow (`factors:`); Duo's names for them."""

    PUSH = "push"
    PHONE = "phone"
    PASSCODE = "passcode"
    SMS = "sms"


@unique
class SecondFactorOutcome(Enum):
    """How a second factor ended; the rows of the fail-mode table."""

    ALLOWED = "allowed"
    BYPASSED = "bypassed"
    DENIED = "denied"
    NOT_ENROLLED = "not_enrolled"
    NO_FACTOR = "no_factor"
    PAUSED = "paused"
    TIMED_OUT = "timed_out"
    UNAVAILABLE = "unavailable"
    INTERRUPTED = "interrupted"
    UNTRUSTED = "untrusted"
    RATE_LIMITED = "rate_limited"
    MISCONFIGURED = "misconfigured"


@unique
class Joined(Enum):
    """How a bind came by a second factor that another bind had asked for; the `kind` of the metric."""

    SINGLE_FLIGHT = "single_flight"
    LATE_APPROVAL = "late_approval"
    REMEMBERED = "remembered"


@dataclass(frozen=True, slots=True)
class SecondFactorResult:
    """The outcome of a second factor and what is worth recording about it.

    Attributes:
        outcome: the row of the fail-mode table.
        factor: the factor that was used or asked for, as Duo names it; None when none was.
        device: the name of the device that was asked, as Duo shows it; None when none was.
        text: Duo's own status text for the person; None when Duo said none.
        detail: a sentence for the log about what went wrong; never a secret. Empty when nothing did.
        fraud: True when the person reported the login as fraud (the outcome is DENIED then).
        joined: how the bind came by another bind's second factor; None when it asked itself.
    """

    outcome: SecondFactorOutcome
    factor: str | None = None
    device: str | None = None
    text: str | None = None
    detail: str = ""
    fraud: bool = False
    joined: Joined | None = None


@unique
class OfflineVerdict(Enum):
    """What became of an offline code. Only VERIFIED admits."""

    VERIFIED = "verified"
    NO_CODE = "no_code"
    WRONG_CODE = "wrong_code"
    REPLAYED = "replayed"
    NOT_ENROLLED = "not_enrolled"
    LOCKED = "locked"
    LOGINS_USED_UP = "logins_used_up"
    TOO_LONG_OFFLINE = "too_long_offline"
    STORE_UNAVAILABLE = "store_unavailable"
    NOT_CONFIGURED = "not_configured"


@dataclass(frozen=True, slots=True)
class OfflineResult:
    """What became of an offline code.

    Attributes:
        verdict: the verdict.
        authenticator: the label of the authenticator that verified the code; None when none did.
        detail: a sentence for the log: why not, or what is left of the limits. Never a code.
    """

    verdict: OfflineVerdict
    authenticator: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PrimaryAccepted:
    """The directory accepted the password.

    Attributes:
        response: the directory's BindResponse as it came, controls included.
    """

    response: bytes


@dataclass(frozen=True, slots=True)
class PrimaryRefused:
    """The directory refused the bind.

    Attributes:
        response: the directory's BindResponse as it came.
        result_code: its result code.
        is_referral: True for a referral, which is a failed bind here (never chased, never passed on).
    """

    response: bytes
    result_code: int
    is_referral: bool


@dataclass(frozen=True, slots=True)
class PrimaryUnavailable:
    """No answer: no server could be reached, or the connection was lost, or no answer came in time."""

    detail: str


@dataclass(frozen=True, slots=True)
class PrimaryNotAsked:
    """Too many wrong passwords of this user: the directory is not to be asked (`limits.failed_binds`)."""


PrimaryOutcome = PrimaryAccepted | PrimaryRefused | PrimaryUnavailable | PrimaryNotAsked


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the directory, as far as a login needs it.

    Attributes:
        dn: the entry's name as the directory returned it.
        identity: entryUUID or objectGUID in lower-case text form; the key of everything kept per user.
        usernames: the values of the directory's `username_attribute` as the directory returned them.
        rdn_value: the value of the first RDN of `dn`, as the directory returned it.
        groups: those of the groups asked for that the entry is a member of.
    """

    dn: DistinguishedName
    identity: str
    usernames: tuple[str, ...]
    rdn_value: str
    groups: frozenset[DistinguishedName]


@dataclass(frozen=True, slots=True)
class EntryNotFound:
    """The directory has no such entry, or it does not meet `search_filter`."""


@dataclass(frozen=True, slots=True)
class SeveralEntries:
    """More than one entry answers to the name."""


@dataclass(frozen=True, slots=True)
class LookupUnavailable:
    """The look-up got no usable answer; `detail` says why, for the log."""

    detail: str


LookupOutcome = Entry | EntryNotFound | SeveralEntries | LookupUnavailable

FindOutcome = DistinguishedName | EntryNotFound | SeveralEntries | LookupUnavailable
"""What is found by something else than a DN: the one entry's name, as the directory returned it."""


@unique
class Verdict(Enum):
    """What became of a bind."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


@unique
class Reason(Enum):
    """Why a bind was accepted or rejected: the closed set of the audit log and the metric."""

    # accepted
    SECOND_FACTOR = "second_factor"
    BYPASSED = "bypassed"
    REMEMBERED = "remembered"
    EXEMPT_DN = "exempt_dn"
    EXEMPT_SUBTREE = "exempt_subtree"
    EXEMPT_GROUP = "exempt_group"
    FAIL_MODE_OPEN = "fail_mode_open"
    OFFLINE_CODE = "offline_code"
    ANONYMOUS = "anonymous"
    # rejected before any I/O
    ANONYMOUS_DENIED = "anonymous_denied"
    UNAUTHENTICATED_BIND = "unauthenticated_bind"
    INVALID_CREDENTIALS_FORM = "invalid_credentials_form"
    UNSUPPORTED_METHOD = "unsupported_method"
    UNSUPPORTED_VERSION = "unsupported_version"
    CONFIDENTIALITY_REQUIRED = "confidentiality_required"
    TOO_MANY_PENDING = "too_many_pending"
    TOO_MANY_FAILED = "too_many_failed"
    # rejected by the directory, or by what it says about the user
    PRIMARY_REFUSED = "primary_refused"
    PRIMARY_REFERRAL = "primary_referral"
    PRIMARY_UNAVAILABLE = "primary_unavailable"
    IDENTITY_UNKNOWN = "identity_unknown"
    NO_ENTRY = "no_entry"
    SEVERAL_ENTRIES = "several_entries"
    NO_USERNAME = "no_username"
    SEVERAL_USERNAMES = "several_usernames"
    LOOKUP_UNAVAILABLE = "lookup_unavailable"
    GROUP_REQUIRED = "group_required"
    # rejected by the second factor
    DENIED = "denied"
    FRAUD = "fraud"
    NOT_ENROLLED = "not_enrolled"
    NO_FACTOR = "no_factor"
    PAUSED = "paused"
    TIMED_OUT = "timed_out"
    DUO_UNAVAILABLE = "duo_unavailable"
    DUO_INTERRUPTED = "duo_interrupted"
    DUO_UNTRUSTED = "duo_untrusted"
    DUO_RATE_LIMITED = "duo_rate_limited"
    DUO_MISCONFIGURED = "duo_misconfigured"
    # rejected by an offline code (fail mode offline, Duo away)
    OFFLINE_NO_CODE = "offline_no_code"
    OFFLINE_WRONG_CODE = "offline_wrong_code"
    OFFLINE_REPLAYED = "offline_replayed"
    OFFLINE_NOT_ENROLLED = "offline_not_enrolled"
    OFFLINE_LOCKED = "offline_locked"
    OFFLINE_LOGINS_USED_UP = "offline_logins_used_up"
    OFFLINE_TOO_LONG = "offline_too_long"
    OFFLINE_STORE_UNAVAILABLE = "offline_store_unavailable"
    # ended otherwise
    CLIENT_LEFT = "client_left"
    ANSWERED_BEFORE = "answered_before"
    STOPPING = "stopping"
    INTERNAL_ERROR = "internal_error"
