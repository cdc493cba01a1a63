"""A Duo simulator in a process of its own, controlled from plain (not asynchronous) tests.

    with SimulatorProcess(tmp_path) as duo:
        duo.api_host, duo.ca_file, duo.integration_key, duo.secret_key      # for the configuration
        duo.add_user("alice", devices=[phone("Alice's phone")])
        duo.answer_always("approve")
        ...
        assert duo.counts() == {"preauth": 1, "auth": 1, "auth_status": 1}

Owns the process and the control connection. It must not know the proxy.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvloop

from ldapproxy.demo.certificate import CertificateFiles
from ldapproxy.demo.duo_accounts import random_id, random_secret_key
from ldapproxy.demo.duo_calls import Call
from ldapproxy.demo.duo_model import WaitingPush
from ldapproxy.demo.standalone import SimulatorOptions, raise_descriptor_limit, serving
from ldapproxy.secret import Secret
from tests.support.certificates import Authority, ServerCertificate

# The process is there in half a second; a machine under load may take far longer.
_READY_WITHIN = 30.0
_POLL = 0.02
_ROOT = Path(__file__).parents[2]

Device = dict[str, Any]


def phone(name: str, *capabilities: str, device_id: str | None = None) -> Device:
    """A phone that can do everything, or `capabilities` (auto, push, sms, phone, mobile_otp) only."""
    device: Device = {"device_id": device_id or random_id("DP"), "name": name, "number": "+1 555 555 0100"}
    if capabilities:
        device["capabilities"] = list(capabilities)
    return device


def token(name: str = "0") -> Device:
    """A hardware token: it can be asked for nothing; its codes are the user's `passcodes`."""
    return {"device_id": random_id("DH"), "name": name, "type": "token"}


class SimulatorProcess:
    """One simulator process; a context manager.

    Args:
        folder: where its certificates are written.
        authority: who signs its certificate; a new one by default.
        certificate: another certificate than a good one for loopback addresses.

    Attributes:
        api_host: `127.0.0.1:PORT`.
        port: that port.
        page_url: the phone page.
        ca_file: what clients must trust.
        integration_key, secret_key: what clients must sign with.
    """

    def __init__(
        self,
        folder: Path,
        authority: Authority | None = None,
        certificate: ServerCertificate | None = None,
    ) -> None:
        self.authority = authority or Authority(folder / "duo-ca")
        self._certificate = certificate or self.authority.server()
        self.ca_file = self.authority.ca_file
        self.integration_key = random_id("DI")
        self.secret_key = random_secret_key()
        self.api_host = ""
        self.port = 0
        self.page_url = ""
        self._page_port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the process; on the ports it had before, if it was stopped."""
        order = {
            "port": self.port,
            "page_port": self._page_port,
            "certificate_file": str(self._certificate.certificate_file),
            "private_key_file": str(self._certificate.private_key_file),
            "integration_key": self.integration_key,
            "secret_key": self.secret_key,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.simulator"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
        )
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            process.wait()
            raise RuntimeError("the simulator did not start; its standard error says why")
        ready = json.loads(line)
        self.api_host, self.port, self.page_url = ready["api_host"], ready["port"], ready["page_url"]
        self._page_port = ready["page_port"]
        netloc = self.page_url.removeprefix("http://").rstrip("/")
        self._connection = http.client.HTTPConnection(netloc, timeout=_READY_WITHIN)

    def stop(self) -> None:
        """Ends the process and closes its pipes."""
        if self._connection is not None:
            self._connection.close()
        process, self._process = self._process, None
        if process is not None:
            # The process ends when its standard input does, also when the test run itself is killed.
            process.communicate(timeout=_READY_WITHIN)

    def send_signal(self, number: signal.Signals) -> None:
        """SIGSTOP makes Duo hang, SIGCONT wakes it up, SIGKILL ends it."""
        assert self._process is not None
        self._process.send_signal(number)

    # Control

    def _request(self, method: str, path: str, document: Any = None) -> Any:
        assert self._connection is not None, "the simulator is not running"
        body = None if document is None else json.dumps(document)
        try:
            self._connection.request(
                method, f"/control/{path}", body, {"Content-Type": "application/json"} if body else {}
            )
            response = self._connection.getresponse()
            answer = json.loads(response.read())
        except BaseException:
            self._connection.close()
            raise
        if response.status != 200:
            raise ValueError(answer["error"])
        return answer

    def add_user(
        self,
        name: str,
        devices: Iterable[Device] = (),
        *,
        status: str = "active",
        passcodes: Iterable[str] = (),
        single_use_passcodes: Iterable[str] = (),
    ) -> None:
        """Adds a user or replaces the one of that name.

        Args:
            name: Duo's user name.
            devices: see `phone` and `token`; without devices and passcodes the user is not enrolled.
            status: `active`, `bypass`, `disabled` or `locked_out`.
            passcodes: good for any number of logins.
            single_use_passcodes: good for one.
        """
        self._request(
            "POST",
            "users",
            {
                "name": name,
                "devices": list(devices),
                "status": status,
                "passcodes": list(passcodes),
                "single_use_passcodes": list(single_use_passcodes),
            },
        )

    def remove_user(self, name: str) -> None:
        """Removes a user."""
        self._request("POST", "users/remove", {"name": name})

    def answer_always(self, answer: str | None, after: float = 0.0, user: str | None = None) -> None:
        """Answers pushes and calls without a person: `approve`, `deny`, `fraud`, `ignore`; None ends that.

        Args:
            answer: what is answered.
            after: seconds until then; 0 answers within the auth call.
            user: this user only; it goes before what is said for all.
        """
        self._request("POST", "automatic", {"answer": answer, "after": after, "user": user})

    def waiting(self, user: str | None = None) -> list[WaitingPush]:
        """The pushes and calls that wait, the oldest first, of `user` only if given."""
        waiting = [_waiting_push(document) for document in self._request("GET", "state")["waiting"]]
        return [push for push in waiting if user in (None, push.user)]

    def wait_for_push(
        self, user: str | None = None, count: int = 1, within: float = 10.0
    ) -> list[WaitingPush]:
        """Waits until at least `count` pushes wait, and returns them.

        Raises:
            AssertionError: they did not come in time.
        """
        deadline = time.monotonic() + within
        while self.waiting_count() < count or len(self.waiting(user)) < count:
            assert time.monotonic() < deadline, f"{count} pushes did not come within {within} s"
            time.sleep(_POLL)
        return self.waiting(user)

    def answer(self, push: WaitingPush | str, answer: str) -> None:
        """A person answers `approve`, `deny` or `fraud`; `push` is a waiting push or its txid."""
        txid = push if isinstance(push, str) else push.txid
        self._request("POST", "answer", {"txid": txid, "answer": answer})

    def answer_all(self, answer: str) -> None:
        """Everybody who is asked now answers the same."""
        self._request("POST", "answer/all", {"answer": answer})

    def waiting_count(self) -> int:
        """How many pushes and calls wait; cheap, also with thousands."""
        count: int = self._request("GET", "counts")["waiting"]
        return count

    def counts(self) -> dict[str, int]:
        """How many calls arrived since the start or `forget_calls`, by endpoint; pings are counted too."""
        counts: dict[str, int] = self._request("GET", "counts")["calls"]
        return counts

    def logins(self) -> int:
        """How many calls were about a user, whoever it was: 0 means that Duo was not asked at all."""
        counts = self.counts()
        return sum(counts.get(endpoint, 0) for endpoint in ("preauth", "auth", "auth_status"))

    def calls(self, endpoint: str | None = None) -> list[Call]:
        """The recorded calls, the oldest first, of one endpoint only if given."""
        query = f"?endpoint={endpoint}" if endpoint else ""
        return [Call(**document) for document in self._request("GET", f"calls{query}")["calls"]]

    def forget_calls(self) -> None:
        """Starts the record of calls anew."""
        self._request("POST", "calls/forget", {})

    def power(self, state: str) -> None:
        """`on`; `off`: connections are refused; `silent`: taken, never answered; `reset`: reset at once."""
        self._request("POST", "reachability", {"state": state})

    def fault(
        self,
        endpoint: str,
        kind: str,
        *,
        status: int = 200,
        body: str = "",
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
        delay: float = 0.0,
        times: int | None = None,
        acts: bool = False,
    ) -> None:
        """Makes an endpoint misbehave from now on.

        Args:
            endpoint: `ping`, `check`, `preauth`, `auth`, `auth_status`, or `*` for all.
            kind: `respond` (status, body, content_type, headers), `truncate`, `hang`, `close`, or `delay`.
            status: of `respond`.
            body: of `respond`.
            content_type: of `respond`.
            headers: further ones of `respond`, for a redirect.
            delay: seconds before anything happens.
            times: for so many calls only.
            acts: True lets the call take effect (a push is sent) and spoils its answer alone.
        """
        self._request(
            "POST",
            "faults",
            {
                "endpoint": endpoint,
                "kind": kind,
                "status": status,
                "body": body,
                "content_type": content_type,
                "headers": headers or {},
                "delay": delay,
                "times": times,
                "acts": acts,
            },
        )

    def clear_faults(self) -> None:
        """Ends all faults."""
        self._request("POST", "faults/clear", {})

    def settings(
        self,
        push_timeout: float | None = None,
        clock_offset: float | None = None,
        trusted_networks: Iterable[str] | None = None,
    ) -> None:
        """Seconds a push waits; by how many Duo's clock is ahead; `ipaddr`s that need no second factor."""
        document: dict[str, Any] = {}
        if push_timeout is not None:
            document["push_timeout"] = push_timeout
        if clock_offset is not None:
            document["clock_offset"] = clock_offset
        if trusted_networks is not None:
            document["trusted_networks"] = list(trusted_networks)
        self._request("POST", "settings", document)

    def present(self, certificate: ServerCertificate) -> None:
        """Presents another certificate from now on; open connections are cut."""
        self._request(
            "POST",
            "certificate",
            {
                "certificate_file": str(certificate.certificate_file),
                "private_key_file": str(certificate.private_key_file),
            },
        )

    def present_good_certificate(self) -> None:
        """Presents the certificate of the start again."""
        self.present(self._certificate)

    def cut_connections(self) -> None:
        """Cuts all open connections to Duo."""
        self._request("POST", "cut", {})

    def activate(self, code: str) -> None:
        """A phone scans the activation code of an enrolment."""
        self._request("POST", "activate", {"code": code})

    def reset(self) -> None:
        """As new: no users, calls, faults or pushes; default settings; the good certificate; reachable."""
        self._request("POST", "reset", {})
        self.present_good_certificate()


def _waiting_push(document: dict[str, Any]) -> WaitingPush:
    pairs = tuple((str(name), str(value)) for name, value in document.pop("pushinfo"))
    return WaitingPush(pushinfo=pairs, **document)


async def _serve(order: dict[str, Any]) -> None:
    """The process itself: serves until standard input ends."""
    options = SimulatorOptions(
        port=order["port"],
        page_port=order["page_port"],
        certificate=CertificateFiles(Path(order["certificate_file"]), Path(order["private_key_file"])),
        integration_key=order["integration_key"],
        secret_key=Secret(order["secret_key"]),
    )
    async with serving(options) as running:
        ready = {
            "api_host": running.simulator.api_host,
            "port": running.simulator.listener.port,
            "page_url": running.page.url,
            "page_port": running.page.port,
        }
        print(json.dumps(ready), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    raise_descriptor_limit()
    uvloop.run(_serve(json.loads(sys.stdin.readline())))
