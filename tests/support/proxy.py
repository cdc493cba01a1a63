"""A real `ldapproxy run` process with a configuration of its own, for end-to-end tests.

Owns the process, its folder (configuration, certificates, audit log, standard error) and its admin address.
It must not know what a test expects.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.support.certificates import Authority
from tests.support.ldap_client import LdapClient
from tests.support.ports import free_port

_PATIENCE = 30.0
_POLL = 0.02

Settings = dict[str, Any]

# One person logs in so often in the tests, and denies so much, that nobody would get a push any more.
_NO_PUSH_LIMITS = {"pushes": 0, "pause_after_denial": "0s", "pause_after_fraud": "0s"}


def merged(settings: Settings, changes: Settings) -> Settings:
    """`settings` with `changes`, map by map."""
    result = dict(settings)
    for key, value in changes.items():
        before = result.get(key)
        result[key] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return result


class ProxyProcess:
    """One `ldapproxy run` process; a context manager.

    Args:
        folder: an empty folder for everything it reads and writes.
        directory: `directories.corp`.
        duo: `duo.prod`.
        listeners: `listeners`, each without `url`, `directory` and `duo`, which are filled in; `scheme` may
            be `ldap`
            (the default) or `ldaps`; `tls: True` means a certificate of `authority`.
        extra: merged over the whole configuration.
        authority: who signs the listeners' certificates.
        host: the address of the listeners.
        module: what is run as `python -m MODULE run -c FILE`.
    """

    def __init__(
        self,
        folder: Path,
        directory: Settings,
        duo: Settings,
        listeners: dict[str, Settings],
        extra: Settings | None = None,
        authority: Authority | None = None,
        host: str = "127.0.0.1",
        module: str = "ldapproxy",
    ) -> None:
        self._module = module
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.authority = authority or Authority(folder / "listener-ca")
        self.ca_file = self.authority.ca_file
        self.admin_port = free_port()
        self.audit_file = folder / "audit.log"
        self.error_file = folder / "stderr.log"
        self.config_file = folder / "ldapproxy.yml"
        self._ports: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        certificate = self.authority.server()
        complete: dict[str, Settings] = {}
        for name, given in listeners.items():
            settings = dict(given)
            self._ports[name] = free_port()
            scheme = settings.pop("scheme", "ldap")
            if settings.get("tls") is True or (scheme == "ldaps" and "tls" not in settings):
                settings["tls"] = {}
            if isinstance(settings.get("tls"), dict):
                settings["tls"] = {
                    "certificate_file": str(certificate.certificate_file),
                    "private_key_file": str(certificate.private_key_file),
                    **settings["tls"],
                }
            shown = f"[{host}]" if ":" in host else host
            settings |= {"url": f"{scheme}://{shown}:{self._ports[name]}", "directory": "corp", "duo": "prod"}
            complete[name] = {"fail_mode": "closed", "push_limits": _NO_PUSH_LIMITS, **settings}
        configuration: Settings = {
            "directories": {"corp": directory},
            "duo": {"prod": duo},
            "listeners": complete,
            "admin": {"url": f"http://127.0.0.1:{self.admin_port}"},
            "log": {"level": "debug", "audit": str(self.audit_file)},
        }
        self.config_file.write_text(yaml.safe_dump(merged(configuration, extra or {}), sort_keys=False))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.stop()

    def start(self, *, ready: bool = True) -> None:
        """Starts the process and waits until it is ready, or only until it answers."""
        with self.error_file.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module, "run", "-c", str(self.config_file)],
                stdout=errors,
                stderr=errors,
                stdin=subprocess.DEVNULL,
            )
        path = "/readyz" if ready else "/healthz"
        self.wait_for(lambda: self._status(path) == 200, f"{path} to answer 200")

    def stop(self, number: signal.Signals | None = signal.SIGTERM) -> int:
        """Ends the process and returns its exit code; None waits for one that ends already."""
        assert self._process is not None
        process, self._process = self._process, None
        if number is not None:
            process.send_signal(number)
        try:
            return process.wait(_PATIENCE)
        finally:
            process.kill()
            process.wait()

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal that does not end the process."""
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def port(self, listener: str) -> int:
        """The port of a listener."""
        return self._ports[listener]

    def url(self, listener: str, scheme: str = "ldap") -> str:
        """The URL of a listener."""
        return f"{scheme}://127.0.0.1:{self._ports[listener]}"

    def client(self, listener: str, *, tls: bool = False, timeout: float = 20) -> LdapClient:
        """A client connected to a listener."""
        return LdapClient(self._ports[listener], self.ca_file if tls else None, timeout=timeout)

    def wait_for(self, condition: Callable[[], object], what: str, patience: float = _PATIENCE) -> None:
        """Polls until a condition is true."""
        deadline = time.monotonic() + patience
        while not condition():
            code = None if self._process is None else self._process.poll()
            if code is not None:
                raise AssertionError(f"ldapproxy ended with exit code {code}: {self.errors()[-2000:]}")
            if time.monotonic() > deadline:
                raise AssertionError(f"waited in vain for {what}: {self.errors()[-2000:]}")
            time.sleep(_POLL)

    # What it tells.

    def errors(self) -> str:
        """Standard error."""
        return self.error_file.read_text()

    def audit(self) -> list[dict[str, Any]]:
        """All lines of the audit log."""
        if not self.audit_file.exists():
            return []
        return [json.loads(line) for line in self.audit_file.read_text().splitlines()]

    def last_audit(self, count: int) -> dict[str, Any]:
        """The line number `count`, once it is there."""
        self.wait_for(lambda: len(self.audit()) >= count, f"{count} audit lines")
        return self.audit()[count - 1]

    def get(self, path: str) -> bytes:
        """A page of the admin address."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=10) as response:
            body: bytes = response.read()
            return body

    def metrics(self) -> dict[str, float]:
        """All samples, by name with labels, as Prometheus writes them."""
        samples = {}
        for line in self.get("/metrics").decode().splitlines():
            if match := re.fullmatch(r"(\w+(?:\{.*\})?) (\S+)", line):
                samples[match[1]] = float(match[2])
        return samples

    def _status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=10) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0
