"""The scene of the attacks: slapd, the Duo simulator, and one proxy with every kind of listener.

Owns the processes, and what each of them saw during one attack. It must not know any attack.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography.fernet import Fernet

from tests.attacks import people
from tests.attacks.attack import LDAPS, START_TLS_OPTIONAL, START_TLS_REQUIRED, Attack, Cast
from tests.e2e.world import directory_settings, duo_settings
from tests.support import ldap_bytes
from tests.support.example_directory import SERVICE, VPN_SEARCH, Account, numbered
from tests.support.ldap_client import LdapClient
from tests.support.ports import free_port
from tests.support.proxy import ProxyProcess, Settings
from tests.support.simulator import SimulatorProcess, phone
from tests.support.slapd import Slapd

VICTIMS = 4000
"""Each performance has one of its own, so that nothing that is remembered of a user joins two of them."""

_POLICY: Settings = {
    "exempt": [
        {"dn": VPN_SEARCH.dn},
        {"dn": people.SIGN.dn},
        {"subtree": people.EXEMPT_SUBTREE},
        {"group": people.EXEMPT_GROUP},
    ],
    "bind_timeout": "30s",
}
_TRANSPORTS: dict[str, Settings] = {
    "ldap": {},
    "start_tls_required": {"tls": {"start_tls": "required"}},
    "start_tls_optional": {"tls": {"start_tls": "optional"}},
    "ldaps": {"scheme": "ldaps", "tls": {}},
}
_HASTY: Settings = {"limits": {"handshake_timeout": "300ms", "idle_timeout": "1s"}}
_SPECIAL: dict[str, Settings] = {
    "anonymous_deny": {"anonymous": "deny"},
    "anonymous_allow": {"anonymous": "allow"},
    "bind_only": {"search_after_bind": False},
    "bind_only_anonymous_allow": {"search_after_bind": False, "anonymous": "allow"},
    "bare_names": {},
    "small": {"limits": {"buffered": "8KiB", "outstanding": 3}},
    "hasty": _HASTY,
    "hasty_ldaps": {**_HASTY, "scheme": "ldaps", "tls": {}},
    "hasty_start_tls": {**_HASTY, "tls": {}},
    "guarded": {"limits": {"failed_binds": {"per_user": 3}}},
}
_AWAY = "_away"
_OFFLINE = "_offline"

_OPERATION = re.compile(r" conn=(\d+) op=\d+ (BIND|SRCH|CMP|MOD|ADD|DEL|MODRDN|EXT|ABANDON) (.*)")
# Lines that tell more about a request that was already counted.
_MORE = (" mech=", " SRCH attr=")


def listeners() -> dict[str, Settings]:
    """The settings of all listeners, by name."""
    every: dict[str, Settings] = {}
    for name, transport in _TRANSPORTS.items():
        every[name] = {**_POLICY, **transport, "fail_mode": "closed"}
        every[f"{name}_open"] = {**_POLICY, **transport, "fail_mode": "open"}
        every[f"{name}{_AWAY}"] = {**_POLICY, **transport, "fail_mode": "open"}
        every[f"{name}{_OFFLINE}"] = {**_POLICY, **transport, "fail_mode": "offline"}
    return every | {name: {**_POLICY, **settings} for name, settings in _SPECIAL.items()}


def _offline_store(folder: Path) -> Settings:
    folder.mkdir(mode=0o700)
    key = Fernet.generate_key().decode()
    return {"offline": {"store": f"sqlite:///{folder}/offline.db", "encryption_key": key}}


class Scene:
    """All processes; a context manager.

    Attributes:
        slapd, duo, proxy: the processes.
        insider: the attacker's own account; its phone approves at once.
    """

    def __init__(self, folder: Path, slapd: Slapd, duo: SimulatorProcess) -> None:
        self.slapd = slapd
        self.duo = duo
        self.insider = numbered(VICTIMS)
        self._victims = itertools.count(1)
        settings = listeners()
        away = {"duo": {"away": duo_settings(duo, api_host=f"127.0.0.1:{free_port()}")}}
        listening: dict[str, Settings] = {
            name: {"duo": "away"} for name in settings if name.endswith((_AWAY, _OFFLINE))
        }
        listening["bare_names"] = {"directory": "searched"}
        directory = directory_settings(slapd)
        searched = {
            "directories": {"searched": {**directory, "username_search": "(|(uid={name})(mail={name}))"}}
        }
        self.proxy = ProxyProcess(
            folder,
            directory,
            duo_settings(duo),
            settings,
            {**away, **searched, **_offline_store(folder), "listeners": listening},
        )
        self._service_connections: set[str] = set()
        self._log = _Tail(slapd.log_file)
        self._audit = _Tail(self.proxy.audit_file)

    def __enter__(self) -> Self:
        self.slapd.modify(people.ldif())
        self.duo.add_user(_uid(self.insider), [phone("insider's phone")])
        self.duo.answer_always("approve", user=_uid(self.insider))
        self.proxy.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.proxy.__exit__(kind, error, trace)

    def next_victim(self) -> Account:
        """An account that nobody has attacked yet; its phone rings, and waits for an answer."""
        victim = numbered(next(self._victims))
        self.duo.add_user(_uid(victim), [phone("victim's phone")])
        return victim

    def operations(self) -> list[str]:
        """The kinds of requests that reached slapd since the last call, without our service account's."""
        kinds = []
        self.lines = []
        for line in self._log.lines():
            found = _OPERATION.search(line)
            if found is None or any(text in line for text in _MORE):
                continue
            connection, kind, rest = found.groups()
            self.lines.append(line)
            if kind == "BIND" and f'dn="{SERVICE.dn}"' in rest:
                self._service_connections.add(connection)
            if kind == "SRCH" and 'base="" scope=0' in rest:
                continue  # everybody may read the root DSE; the proxy does, to see whether it is there
            if kind == "BIND" and 'dn=""' in rest:
                continue  # so the proxy takes an identity off a connection before it is used again
            if connection not in self._service_connections:
                kinds.append(kind)
        return kinds

    def audit(self) -> list[dict[str, Any]]:
        """The audit lines since the last call."""
        return [json.loads(line) for line in self._audit.lines()]


class Performance:
    """One attack on one listener (`steps.Stage`)."""

    def __init__(self, scene: Scene, attack: Attack, listener: str) -> None:
        self._scene = scene
        self._attack = attack
        self._listener = listener
        self.slapd = scene.slapd
        self.duo = scene.duo
        self.insider = scene.insider
        self.victim = scene.next_victim()
        self.client: LdapClient
        self._logins = 0
        self._seen: list[str] = []

    @property
    def ca_file(self) -> Path:
        """Who signed the listeners' certificates."""
        return self._scene.proxy.ca_file

    def run(self) -> None:
        """Runs the attack, looks at what came of it, and logs in honestly."""
        scene, attack = self._scene, self._attack
        scene.operations()
        scene.audit()
        scene.duo.forget_calls()
        hits = self._limit_hits()
        self.client = self._connect(in_clear=attack.in_clear)
        try:
            for step in attack.steps(Cast(self.victim, self.insider)):
                step.take(self)
        finally:
            scene.slapd.resume()
            self.client.close()
        assert attack.limit is None or self._limit_hits() > hits
        self._log_in_honestly()
        self._look_at_the_directory()
        self._look_at_duo()
        self._look_at_the_audit()

    def count_login(self) -> None:
        """The insider has logged in."""
        self._logins += 1

    def wait_for_operations(self, kind: str, count: int) -> None:
        """Waits until so many operations of this kind have reached the directory."""

        def reached() -> bool:
            self._seen += self._scene.operations()
            return self._seen.count(kind) >= count

        self._scene.proxy.wait_for(reached, f"{count} {kind} at the directory")

    def _limit_hits(self) -> float:
        name = f'ldapproxy_limits_hit_total{{limit="{self._attack.limit}",listener="{self._listener}"}}'
        return 0 if self._attack.limit is None else self._scene.proxy.metrics().get(name, 0)

    def _connect(self, *, in_clear: bool = False) -> LdapClient:
        client = LdapClient(self._scene.proxy.port(self._listener))
        if in_clear:
            return client
        if self._listener in (*START_TLS_REQUIRED, *START_TLS_OPTIONAL, "hasty_start_tls"):
            client.start_tls(self.ca_file)
        elif self._listener in (*LDAPS, "hasty_ldaps"):
            client.wrap(self.ca_file)
        return client

    def _log_in_honestly(self) -> None:
        """The proxy must be no worse for the attack."""
        # While Duo is away with fail mode offline, the insider would need a code; an exempt account gets in.
        account = VPN_SEARCH if self._listener.endswith(_OFFLINE) else self.insider
        with self._connect() as client:
            answer = client.bind(account.dn, account.password)
            assert answer.result_code == 0, answer.diagnostic
            client.send(ldap_bytes.extended(client.next_id(), "1.3.6.1.4.1.4203.1.11.3"))
            said = client.receive()
            if self._listener.startswith("bind_only"):
                assert said.result_code == 50
            else:
                assert account.dn.encode() in said.raw
        self._logins += 1

    def _look_at_the_directory(self) -> None:
        expected = Counter(self._attack.reaches)
        expected["BIND"] += self._logins
        if not self._listener.startswith("bind_only"):
            expected["EXT"] += 1

        def reached() -> Counter[str]:
            self._seen += self._scene.operations()
            return Counter(self._seen)

        # It may write its log a moment after its answer; more than expected is looked for now and at the
        # next attack.
        self._scene.proxy.wait_for(lambda: reached() >= expected, f"{expected} at the directory", 5)
        further = Counter(self._seen) - expected
        assert further <= Counter(self._attack.may_reach), self._scene.lines

    def _look_at_duo(self) -> None:
        preauths = [call.username for call in self.duo.calls("preauth")]
        if self._listener.endswith((_AWAY, _OFFLINE)):
            assert preauths == []
            return
        victims = [name for name in preauths if name != _uid(self.insider)]
        assert len(victims) == self._attack.asks_duo, victims
        assert len(preauths) - len(victims) == self._logins
        if "robot" not in self._attack.name:
            assert all(
                name == _uid(self.victim) or not re.fullmatch(r"u\d{4}", name, re.I) for name in victims
            )

    def _look_at_the_audit(self) -> None:
        accepted = 0
        lines = self._scene.audit()
        for line in lines:
            assert line["listener"] == self._listener
            assert line["reason"] != "internal_error"
            if line["verdict"] == "accepted" and line["reason"] != "anonymous":
                accepted += 1
        assert accepted == self._logins + self._attack.admits, lines


def _uid(account: Account) -> str:
    return account.dn.partition("=")[2].partition(",")[0]


class _Tail:
    """A file that grows: whole lines that came since the last look."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._at = 0

    def lines(self) -> list[str]:
        """The new lines."""
        if not self._file.exists():
            return []
        with self._file.open("rb") as file:
            file.seek(self._at)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        return whole.decode(errors="replace").splitlines()
