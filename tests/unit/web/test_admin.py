"""The admin address over real sockets, served by a process of its own: a reactor runs once per process."""

from __future__ import annotations

import http.client
import json
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# Prints the port that it listens on, or why it cannot; ends when its standard input ends.
_SERVER = """
import asyncio, sys
from pathlib import Path
from twisted.internet import asyncioreactor
asyncioreactor.install(asyncio.new_event_loop())
from twisted.internet import reactor
from twisted.internet.stdio import StandardIO
from twisted.internet.protocol import Protocol
from ldapproxy.web.admin import AdminError, AdminServer
from ldapproxy.web.settings import AdminSettings
from ldapproxy.web.status import DirectoryStatus, ListenerStatus, ServerStatus, StatusReport

class Status:
    def report(self):
        return StatusReport(
            "9.9.9", 5.0, False,
            (ListenerStatus("vpn", "ldap://127.0.0.1:389", True, "closed"),),
            (DirectoryStatus("corp", (ServerStatus("ldap://a:389", True),)),),
            (),
        )

class Input(Protocol):
    def connectionLost(self, reason):
        server.stop().addCallback(lambda _: reactor.stop())

server = AdminServer(
    reactor, AdminSettings(sys.argv[1], int(sys.argv[2])), Status(), Path(sys.argv[3]).read_bytes
)
try:
    server.start()
except AdminError as error:
    print(error, flush=True)
    sys.exit(1)
print(server.port, flush=True)
StandardIO(Input())
reactor.run()
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Admin:
    """A running admin address."""

    port: int
    pid: int

    def ask(self, path: str, method: str = "GET", body: bytes | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())
        finally:
            connection.close()


def _start(host: str, port: int, exposition: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _SERVER, host, str(port), str(exposition)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    exposition = tmp_path_factory.mktemp("admin") / "exposition"
    exposition.write_bytes(b"up 1\n")
    process = _start("127.0.0.1", 0, exposition)
    assert process.stdout is not None
    yield Admin(int(process.stdout.readline()), process.pid)
    _, errors = process.communicate("", timeout=10)
    assert process.returncode == 0
    assert errors == ""


def test_health(admin: Admin) -> None:
    answer = admin.ask("/healthz")
    assert (answer.status, answer.body) == (200, b"alive\n")


def test_readiness(admin: Admin) -> None:
    answer = admin.ask("/readyz")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body)["ready"] is True


def test_metrics(admin: Admin) -> None:
    answer = admin.ask("/metrics")
    assert (answer.status, answer.body) == (200, b"up 1\n")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_a_query_string_changes_nothing(admin: Admin) -> None:
    assert admin.ask("/metrics?name%5B%5D=up").body == b"up 1\n"


def test_status_page(admin: Admin) -> None:
    answer = admin.ask("/")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert b"ldapproxy 9.9.9" in answer.body


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/nothing"])
def test_head_is_get_without_the_body(admin: Admin, path: str) -> None:
    get, head = admin.ask(path), admin.ask(path, "HEAD")
    assert head.body == b""
    assert head.status == get.status
    for name in ("content-type", "content-length", "cache-control"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize("path", ["/nothing", "/metrics/", "//", "/healthz/x", "/%2e%2e/etc/passwd"])
def test_other_paths_do_not_exist(admin: Admin, path: str) -> None:
    assert admin.ask(path).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "WHATEVER"])
def test_other_methods_are_refused(admin: Admin, method: str) -> None:
    answer = admin.ask("/metrics", method, b"a=b")
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_a_body_is_neither_kept_in_memory_nor_on_disk(admin: Admin) -> None:
    process = Path(f"/proc/{admin.pid}")
    before = _resident_pages(process)
    length = 50_000_000
    with socket.create_connection(("127.0.0.1", admin.port), timeout=10) as connection:
        connection.sendall(b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length)
        connection.sendall(b"x" * (length - 1))
        files = [str(file.readlink()) for file in (process / "fd").iterdir()]
        grown = (_resident_pages(process) - before) * resource.getpagesize()
        connection.sendall(b"x")
        assert connection.recv(100).startswith(b"HTTP/1.1 405 ")
    assert not [file for file in files if file.endswith("(deleted)")]
    assert grown < length / 2


def _resident_pages(process: Path) -> int:
    return int((process / "statm").read_text().split()[1])


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/nothing"])
def test_nothing_tells_what_serves_it(admin: Admin, path: str) -> None:
    answer = admin.ask(path)
    assert "server" not in answer.headers
    assert "twisted" not in str(answer.headers).lower()
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_two_requests_on_one_connection(admin: Admin) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", admin.port, timeout=10)
    for _ in range(2):
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"alive\n"
    connection.close()


def test_a_page_that_fails_shows_no_code(tmp_path: Path) -> None:
    process = _start("127.0.0.1", 0, tmp_path / "missing")
    assert process.stdout is not None
    answer = Admin(int(process.stdout.readline()), process.pid).ask("/metrics")
    process.communicate("", timeout=10)
    assert answer.status == 500
    assert b"missing" not in answer.body
    assert b"Traceback" not in answer.body
    assert "server" not in answer.headers


def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = _start("127.0.0.1", port, tmp_path / "unused")
        said, _ = process.communicate("", timeout=10)
    assert process.returncode == 1
    assert said == f"admin cannot listen on http://127.0.0.1:{port}: Address already in use\n"
