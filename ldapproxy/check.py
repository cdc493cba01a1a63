"""`ldapproxy check`: asks every directory server, Duo and the offline store whether what is configured works.

Owns the questions and the table of answers. It must not know how anything is asked: look-ups, Duo client and
store of the running proxy do that, so that what works here works there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, unique

from cryptography import x509

from ldapproxy.auth.enrolment import StoreUnavailableError
from ldapproxy.config.configuration import Configuration, DirectorySettings
from ldapproxy.directory.lookup import Lookup
from ldapproxy.directory.settings import LookupServer
from ldapproxy.duo.calls import CallOutcome
from ldapproxy.duo.client import DuoClient, Health
from ldapproxy.duo.settings import DuoSettings
from ldapproxy.net.settings import ServerTls
from ldapproxy.offline import address
from ldapproxy.offline.administration import open_administration
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.offline.sqlite_file import SqliteFile

# Time enough to renew a certificate by hand. Automatic renewal happens a month before the end.
_EXPIRES_SOON = timedelta(days=14)

# Seconds. A machine that keeps time over the network is right within a tenth of a second.
_CLOCK_TOLERANCE = 5.0


@unique
class Result(Enum):
    """What came of one question."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        result: what came of it.
        part: whose part of the configuration was tried.
        what: what was tried.
        detail: a sentence.
    """

    result: Result
    part: str
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """The table."""

    rows: tuple[Row, ...]

    @property
    def is_good(self) -> bool:
        """True when nothing failed; warnings do not count."""
        return all(row.result is not Result.FAILED for row in self.rows)

    def __str__(self) -> str:
        parts = max(len(row.part) for row in self.rows)
        whats = max(len(row.what) for row in self.rows)
        return "".join(
            f"{row.result.value:<8} {row.part:<{parts}}  {row.what:<{whats}}  {row.detail}\n"
            for row in self.rows
        )


def run(configuration: Configuration) -> Report:
    """Asks everybody at the same time. Takes as long as the longest time-out of the configuration at most."""
    return asyncio.run(examine(configuration))


async def examine(configuration: Configuration) -> Report:
    """As `run`, for those who have an event loop."""
    now = datetime.now(UTC)
    answers = await asyncio.gather(
        *(_directory(directory, now) for directory in configuration.directories),
        *(_duo(duo) for duo in configuration.duo),
        *([] if configuration.offline is None else [asyncio.to_thread(_offline, configuration.offline)]),
    )
    rows = [row for rows in answers for row in rows]
    rows += [_certificate(f"listener {one.name}", one.tls, now) for one in configuration.listeners]
    if configuration.portal is not None:
        rows.append(_certificate("portal", configuration.portal.tls, now))
    return Report(tuple(rows))


async def _directory(directory: DirectorySettings, now: datetime) -> list[Row]:
    lookup = Lookup(directory.lookup)
    part = f"directory {directory.name}"

    async def ask(server: LookupServer) -> Row:
        probe = await lookup.probe(server)
        if not probe.ok:
            return Row(Result.FAILED, part, server.url, probe.detail)
        if probe.certificate_expires is None:
            return Row(Result.OK, part, server.url, probe.detail)
        result, validity = _validity(probe.certificate_expires, now)
        return Row(result, part, server.url, f"{probe.detail}; {validity}")

    try:
        return list(await asyncio.gather(*map(ask, directory.lookup.servers)))
    finally:
        await lookup.aclose()


async def _duo(duo: DuoSettings) -> list[Row]:
    part = f"duo {duo.name}"
    try:
        client = DuoClient(duo, _NobodyCounts())
    except ValueError as error:
        return [Row(Result.FAILED, part, "ca_file", str(error))]
    try:
        ping = await client.ping()
        if ping.outcome is not CallOutcome.OK:
            # Without an answer there is nothing to say about keys and clock.
            return [Row(Result.FAILED, part, "ping", _outcome(ping))]
        check = await client.check()
    finally:
        await client.aclose()
    return [
        Row(Result.OK, part, "ping", f"{duo.address} answers"),
        _clock(part, ping.clock_offset),
        Row(Result.OK, part, "check", "it accepts the keys")
        if check.outcome is CallOutcome.OK
        else Row(Result.FAILED, part, "check", _outcome(check)),
    ]


def _outcome(health: Health) -> str:
    return f"{health.outcome.value}: {health.detail}" if health.detail else health.outcome.value


def _clock(part: str, offset: float | None) -> Row:
    if offset is None:
        return Row(Result.WARNING, part, "clock", "it did not tell its time")
    if abs(offset) <= _CLOCK_TOLERANCE:
        return Row(Result.OK, part, "clock", f"{offset:+.1f}s to ours")
    # The proxy signs with Duo's time then, so this alone stops no login.
    return Row(Result.WARNING, part, "clock", f"{offset:+.0f}s to ours; set the clock of this machine")


def _offline(settings: OfflineSettings) -> list[Row]:
    part, what = "offline", "store"
    place = address.parse(settings.store)
    if isinstance(place, SqliteFile) and place.path.parent.is_dir() and not place.path.exists():
        # To look would be to make it, and it would belong to whoever looks.
        detail = f"there is no {place.path} yet; it is made when it is first used"
        return [Row(Result.WARNING, part, what, detail)]
    try:
        accounts = open_administration(settings).accounts()
    except StoreUnavailableError as error:
        return [Row(Result.FAILED, part, what, str(error))]
    count = sum(account.authenticators for account in accounts)
    usable = f"it can be used; accounts: {len(accounts)}, authenticators: {count}"
    return [
        Row(Result.OK, part, what, usable),
        *(Row(Result.WARNING, part, what, warning) for warning in place.warnings()),
    ]


def _certificate(part: str, tls: ServerTls | None, now: datetime) -> Row:
    if tls is None:
        return Row(Result.OK, part, "certificate", "none; clear text")
    try:
        pem = tls.certificate_file.read_bytes()
        expires = x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc
    except (OSError, ValueError) as error:
        return Row(Result.FAILED, part, "certificate", f"it cannot be read any more: {error}")
    result, validity = _validity(expires, now)
    return Row(result, part, "certificate", validity)


def _validity(expires: datetime, now: datetime) -> tuple[Result, str]:
    left = expires - now
    if left < timedelta(0):
        return Result.FAILED, f"the certificate has expired on {expires:%Y-%m-%d}"
    result = Result.OK if left > _EXPIRES_SOON else Result.WARNING
    return result, f"the certificate expires on {expires:%Y-%m-%d}, in {left.days} days"


class _NobodyCounts:
    """Nobody scrapes metrics here (`duo.ports.RequestObserver`)."""

    def duo_request(self, duo: str, endpoint: str, outcome: str, seconds: float) -> None:
        """Forgets it."""
