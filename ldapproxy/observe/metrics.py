"""The metrics of design 7, each declared once, and how what happens becomes numbers.

Owns names, labels, help texts and buckets. It must not know who counts, nor how the numbers are served. Label
values come from the configuration or from closed sets, never from clients: a label value is memory that is
never given back.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from ldapproxy.auth.audit import AuditRecord
from ldapproxy.observe.tally import Tally

# A `_created` series beside every counter and histogram doubles their number and tells nobody anything.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library forgot its "-> None"

# The stages of a bind span a directory's milliseconds and a person's half minute; bind_timeout is 60 s by
# default.
_BIND_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120)

# Duo's answers take some tens of milliseconds; 8 s is the default response_timeout; auth_status waits for a
# person.
_DUO_BUCKETS = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 5, 8, 15, 30, 60, 120)

# Clients give up after round numbers of seconds; the buckets sit just above, so that "10 s" falls into one of
# its own.
_PATIENCE_BUCKETS = (1, 3, 5.5, 8, 10.5, 15.5, 20.5, 30.5, 45.5, 60.5, 90.5, 120.5)

_DUO_STATES = ("up", "degraded", "down")
_CONNECTION_STATES = ("active", "idle")


class Metrics:
    """Counts what happens (`net.ports.Observer`, and Duo's observer) in a registry of its own.

    `audit_lost` and what concerns Duo may be called from any thread, the rest on the event loop's alone.

    Args:
        version: the program's version, for `ldapproxy_build_info`.
    """

    def __init__(self, version: str) -> None:
        registry = CollectorRegistry(support_collectors_without_names=True)
        self._registry = registry
        # Its names are those every Prometheus client uses: process_cpu_seconds_total, process_open_fds, ...
        ProcessCollector(registry=registry)

        binds = Counter(
            "ldapproxy_binds_total",
            "Binds that ended, by verdict and reason (the reasons of the audit log).",
            ("listener", "verdict", "reason"),
            registry=registry,
        )
        bind_duration = Histogram(
            "ldapproxy_bind_duration_seconds",
            "How long the stages of a bind took (primary, lookup, second_factor, total).",
            ("listener", "stage"),
            buckets=_BIND_BUCKETS,
            registry=registry,
        )
        client_patience = Histogram(
            "ldapproxy_client_patience_seconds",
            "How long clients waited before they hung up on a pending bind.",
            ("listener",),
            buckets=_PATIENCE_BUCKETS,
            registry=registry,
        )
        fail_mode_decisions = Counter(
            "ldapproxy_fail_mode_decisions_total",
            "How the fail mode decided (accept, reject, offline_code).",
            ("listener", "mode", "decision"),
            registry=registry,
        )
        limits_hit = Counter(
            "ldapproxy_limits_hit_total",
            "What a limit of the listener refused, by the limit's key.",
            ("listener", "limit"),
            registry=registry,
        )
        joined_binds = Counter(
            "ldapproxy_joined_binds_total",
            "Binds that came by another bind's second factor (single_flight, late_approval, remembered).",
            ("listener", "kind"),
            registry=registry,
        )
        offline_codes = Counter(
            "ldapproxy_offline_codes_total",
            "Offline codes that were asked for while Duo was away, by outcome.",
            ("listener", "outcome"),
            registry=registry,
        )
        duo_state = Gauge(
            "ldapproxy_duo_state",
            "1 for the state that Duo is in (up, degraded, down), 0 for the others.",
            ("duo", "state"),
            registry=registry,
        )
        duo_requests = Counter(
            "ldapproxy_duo_requests_total",
            "Requests to Duo, by endpoint and outcome.",
            ("duo", "endpoint", "outcome"),
            registry=registry,
        )
        duo_request_duration = Histogram(
            "ldapproxy_duo_request_duration_seconds",
            "How long requests to Duo took; auth_status waits for a person.",
            ("duo", "endpoint"),
            buckets=_DUO_BUCKETS,
            registry=registry,
        )
        directory_up = Gauge(
            "ldapproxy_directory_up",
            "1 while the server of the directory answers, else 0.",
            ("directory", "server"),
            registry=registry,
        )
        self._audit_lost = Counter(
            "ldapproxy_audit_lost_total",
            "Audit lines that could not be written.",
            registry=registry,
        )
        Gauge(
            "ldapproxy_build_info",
            "1, with the version of the program.",
            ("version",),
            registry=registry,
        ).labels(version).set(1)

        # Client and server of the text format tell `ldapproxy_sessions` and `ldapproxy_sessions_total` apart.
        # The registry strips `_total` before it compares names, but asks tallies for none.
        self._sessions = Tally(
            GaugeMetricFamily, "ldapproxy_sessions", "Client connections now open.", ("listener",)
        )
        self._sessions_total = Tally(
            CounterMetricFamily,
            "ldapproxy_sessions_total",
            "Client connections that were opened.",
            ("listener",),
        )
        self._binds_pending = Tally(
            GaugeMetricFamily, "ldapproxy_binds_pending", "Binds that wait for an answer.", ("listener",)
        )
        self._relayed_bytes = Tally(
            CounterMetricFamily,
            "ldapproxy_relayed_bytes_total",
            "Bytes relayed (to_directory, to_client).",
            ("listener", "direction"),
        )
        self._operations = Tally(
            CounterMetricFamily,
            "ldapproxy_operations_total",
            "Requests that arrived, by operation.",
            ("listener", "operation"),
        )
        self._directory_connections = Tally(
            GaugeMetricFamily,
            "ldapproxy_directory_connections",
            "Connections to the directory (active, idle).",
            ("directory", "state"),
        )
        for tally in (
            self._sessions,
            self._sessions_total,
            self._binds_pending,
            self._relayed_bytes,
            self._operations,
            self._directory_connections,
        ):
            registry.register(tally)

        # `labels()` validates and locks each time; a bind must not pay for that.
        self._binds = cache(binds.labels)
        self._bind_duration = cache(bind_duration.labels)
        self._client_patience = cache(client_patience.labels)
        self._fail_mode_decisions = cache(fail_mode_decisions.labels)
        self._limits_hit = cache(limits_hit.labels)
        self._joined_binds = cache(joined_binds.labels)
        self._offline_codes = cache(offline_codes.labels)
        self._duo_state = cache(duo_state.labels)
        self._duo_requests = cache(duo_requests.labels)
        self._duo_request_duration = cache(duo_request_duration.labels)
        self._directory_up = cache(directory_up.labels)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry)

    def expect(self, listeners: Iterable[str] = (), directories: Iterable[str] = ()) -> None:
        """Starts the series of what is configured at 0: graphs and alerts see them before the first event."""
        for listener in listeners:
            self._sessions.add(0, listener)
            self._sessions_total.add(0, listener)
            self._binds_pending.add(0, listener)
            self._relayed_bytes.add(0, listener, "to_directory")
            self._relayed_bytes.add(0, listener, "to_client")
        for directory in directories:
            for state in _CONNECTION_STATES:
                self._directory_connections.add(0, directory, state)

    # net.ports.Observer

    def session_opened(self, listener: str) -> None:
        """A client connected."""
        self._sessions.add(1, listener)
        self._sessions_total.add(1, listener)

    def session_closed(self, listener: str) -> None:
        """A client's connection is gone."""
        self._sessions.add(-1, listener)

    def relayed(self, listener: str, to_directory: int, to_client: int) -> None:
        """So many bytes were relayed in each direction since the last call."""
        if to_directory:
            self._relayed_bytes.add(to_directory, listener, "to_directory")
        if to_client:
            self._relayed_bytes.add(to_client, listener, "to_client")

    def operation(self, listener: str, operation: str) -> None:
        """A request arrived; `operation` is its name in lower case (`bind`, `search`, ..., `other`)."""
        self._operations.add(1, listener, operation)

    def bind_pending(self, listener: str, change: int) -> None:
        """One bind more (+1) or less (-1) waits for an answer."""
        self._binds_pending.add(change, listener)

    def bind_ended(self, record: AuditRecord) -> None:
        """A bind ended."""
        self._binds(record.listener, record.verdict.value, record.reason.value).inc()
        durations = record.durations
        for stage, seconds in (
            ("primary", durations.primary),
            ("lookup", durations.lookup),
            ("second_factor", durations.second_factor),
            ("total", durations.total),
        ):
            if seconds is not None:
                self._bind_duration(record.listener, stage).observe(seconds)

    def limit_hit(self, listener: str, limit: str) -> None:
        """A limit of `limits:` refused something; `limit` is its key."""
        self._limits_hit(listener, limit).inc()

    def client_left(self, listener: str, waited: float) -> None:
        """A client hung up on a pending bind after `waited` seconds."""
        self._client_patience(listener).observe(waited)

    def fail_mode_decided(self, listener: str, mode: str, decision: str) -> None:
        """The fail mode was asked, and decided `accept`, `reject` or `offline_code`."""
        self._fail_mode_decisions(listener, mode, decision).inc()

    def joined(self, listener: str, kind: str) -> None:
        """A bind came by a second factor that another bind had asked for."""
        self._joined_binds(listener, kind).inc()

    def offline_code(self, listener: str, outcome: str) -> None:
        """An offline code was asked for."""
        self._offline_codes(listener, outcome).inc()

    def directory_up(self, directory: str, server: str, up: bool) -> None:
        """A server of a directory answered, or did not."""
        self._directory_up(directory, server).set(1 if up else 0)

    def directory_connections(self, directory: str, state: str, change: int) -> None:
        """One connection more or less is `active` or `idle`."""
        self._directory_connections.add(change, directory, state)

    # Duo's observer

    def duo_request(self, duo: str, endpoint: str, outcome: str, seconds: float) -> None:
        """A request to Duo ended after `seconds`."""
        self._duo_requests(duo, endpoint, outcome).inc()
        self._duo_request_duration(duo, endpoint).observe(seconds)

    def duo_state(self, duo: str, state: str) -> None:
        """Duo is now `up`, `degraded` or `down`."""
        for each in _DUO_STATES:
            self._duo_state(duo, each).set(1 if each == state else 0)

    # the audit log's

    def audit_lost(self) -> None:
        """An audit line could not be written."""
        self._audit_lost.inc()
