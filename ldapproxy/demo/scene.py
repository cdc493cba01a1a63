"""Everything around the proxy in `ldapproxy demo`: directory, Duo, phone page, and the proxy's configuration.

Owns the composition and the lines to try. It must not know how the proxy is run: whoever does so starts the
scene, runs the proxy with the configuration file that `start` returns, and stops the scene.
"""

from __future__ import annotations

import json
import shlex
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from cryptography.fernet import Fernet
from twisted.internet.error import CannotListenError

from ldapproxy.demo.certificate import CertificateFiles, DemoNotInstalledError
from ldapproxy.demo.duo_simulator import DuoSimulator
from ldapproxy.demo.kept import certificate_in, integration_key_in, secret_key_file_in
from ldapproxy.demo.people import (
    APPLICATION_DN,
    APPLICATION_PASSWORD,
    BASE_DN,
    CAST,
    EXEMPT_GROUP_DN,
    SERVICE_ACCOUNT_DN,
    SERVICE_ACCOUNT_PASSWORD,
    SHARED_ACCOUNT_DN,
    directory_entries,
)
from ldapproxy.demo.phone_page import CommandToTry, PersonToTry
from ldapproxy.demo.standalone import SimulatorOptions, serving
from ldapproxy.net.bridge import wait_for
from ldapproxy.secret import Secret

# Of each of the three listeners. A machine with a low limit lets a process have 4,096 descriptors, and the
# proxy takes three for each connection and 1,000 more.
_CONNECTIONS = 100


@dataclass(frozen=True, slots=True)
class SceneOptions:
    """The options of `ldapproxy demo`. Port 0 takes a free one, except for the listeners.

    Attributes:
        host: the address of the proxy's listeners, in clear text.
        closed_port: of the listener whose fail mode is `closed`.
        open_port: of the listener whose fail mode is `open`.
        offline_port: of the listener whose fail mode is `offline`.
        portal_port: of the portal for offline authenticators, on loopback, HTTPS.
        page_host: the address of the phone page, in clear text.
        page_port: its port.
        admin_port: of the proxy's admin address, on loopback.
    """

    host: str = "127.0.0.1"
    closed_port: int = 10389
    open_port: int = 10390
    offline_port: int = 10391
    portal_port: int = 8444
    page_host: str = "127.0.0.1"
    page_port: int = 8080
    admin_port: int = 9464


class SceneError(Exception):
    """The scene cannot be set up; the message is one sentence for the person who started it."""


class Scene:
    """The demo without the proxy.

    Args:
        reactor: Twisted's asyncio reactor, installed and running.
        options: addresses and ports.
    """

    def __init__(self, reactor: Any, options: SceneOptions) -> None:
        self._reactor = reactor
        self.options = options
        self._parts = AsyncExitStack()
        self._page_url = ""

    async def start(self) -> Path:
        """Starts all parts and returns the proxy's configuration file.

        Raises:
            SceneError: an address is taken, or a package of the `demo` extra is missing.
        """
        try:
            return await self._start()
        except BaseException:
            await self._parts.aclose()
            raise

    async def _start(self) -> Path:
        folder = Path(self._parts.enter_context(TemporaryDirectory(prefix="ldapproxy-demo-")))
        options = self.options
        directory_url = self._start_directory()
        users = tuple(user for person in CAST if (user := person.duo_user()) is not None)
        try:
            certificate = certificate_in(folder, ["127.0.0.1", "localhost", "::1"])
            integration_key = integration_key_in(folder)
            secret_key_file = secret_key_file_in(folder)
            running = await self._parts.enter_async_context(
                serving(
                    SimulatorOptions(
                        certificate=certificate,
                        integration_key=integration_key,
                        secret_key=Secret(secret_key_file.read_text().strip()),
                        page_host=options.page_host,
                        page_port=options.page_port,
                        users=users,
                    )
                )
            )
        except DemoNotInstalledError as error:
            raise SceneError(str(error)) from error
        except OSError as error:
            raise SceneError(f"the phone page or the Duo simulator cannot start: {error.strerror}") from error
        self._page_url = running.page.url
        running.phones.people = [PersonToTry(person.uid, person.password, person.note) for person in CAST]
        running.phones.commands = self.commands()
        running.phones.portal_url = self._portal_url
        return self._write_configuration(folder, directory_url, running.simulator, certificate)

    async def stop(self) -> None:
        """Stops all parts and removes their files."""
        await self._parts.aclose()

    def _start_directory(self) -> str:
        """Starts the embedded directory and returns its URL."""
        try:
            from ldapproxy.demo.directory import EmbeddedDirectory
        except ImportError as error:
            raise SceneError("the demo needs the package ldaptor: pip install 'ldapproxy[demo]'") from error
        directory = EmbeddedDirectory(self._reactor, directory_entries())
        try:
            directory.start()
        except CannotListenError as error:
            raise SceneError(f"the embedded directory cannot start: {error.socketError.strerror}") from error

        async def stop_directory() -> None:
            stopping = directory.stop()
            if stopping is not None:
                await wait_for(stopping)

        self._parts.push_async_callback(stop_directory)
        return directory.url

    def _write_configuration(
        self, folder: Path, directory_url: str, simulator: DuoSimulator, certificate: CertificateFiles
    ) -> Path:
        """Writes the proxy's configuration, with its secrets in files of their own."""
        directory_password = _write_private(folder / "directory-password", SERVICE_ACCOUNT_PASSWORD)
        encryption_key = _write_private(folder / "offline-key", Fernet.generate_key().decode())
        lines = [
            "directories:",
            "  demo:",
            f"    urls: [{_quoted(directory_url)}]",
            f"    base_dn: {_quoted(BASE_DN)}",
            "    username_attribute: uid",
            "    service_account:",
            f"      dn: {_quoted(SERVICE_ACCOUNT_DN)}",
            f"      password_file: {_quoted(directory_password)}",
            "duo:",
            "  demo:",
            f"    api_host: {_quoted(simulator.api_host)}",
            f"    integration_key: {_quoted(simulator.integration_key)}",
            f"    secret_key_file: {_quoted(secret_key_file_in(folder))}",
            f"    ca_file: {_quoted(certificate.ca_file)}",
            "    ping_interval: 2s",
            "listeners:",
            *self._listener("closed", self.options.closed_port),
            *self._listener("open", self.options.open_port),
            *self._listener("offline", self.options.offline_port),
            "offline:",
            f"  store: {_quoted(f'sqlite:///{quote(str(folder))}/offline.db')}",
            f"  encryption_key_file: {_quoted(encryption_key)}",
            "portal:",
            f"  url: {_quoted(self._portal_url)}",
            "  tls:",
            f"    certificate_file: {_quoted(certificate.certificate_file)}",
            f"    private_key_file: {_quoted(certificate.private_key_file)}",
            "  listener: offline",
            f"admin: {{url: {_quoted(f'http://127.0.0.1:{self.options.admin_port}')}}}",
        ]
        return _write_private(folder / "demo.yml", "\n".join(lines) + "\n")

    def _listener(self, fail_mode: str, port: int) -> list[str]:
        """The lines of one listener, named after its fail mode."""
        return [
            f"  {fail_mode}:",
            f"    url: {_quoted(self._url(port))}",
            "    directory: demo",
            "    duo: demo",
            f"    fail_mode: {fail_mode}",
            "    exempt:",
            f"      - dn: {_quoted(APPLICATION_DN)}",
            f"      - group: {_quoted(EXEMPT_GROUP_DN)}",
            "    shared_accounts:",
            f"      - {{dn: {_quoted(SHARED_ACCOUNT_DN)}, push: all}}",
            # One person tries things out: also where a process may open few descriptors, all of these fit.
            f"    limits: {{connections: {_CONNECTIONS}}}",
            # Who tries things out denies a lot, and wants the next push at once.
            "    push_limits: {pushes: 0, pause_after_denial: 0s, pause_after_fraud: 0s}",
        ]

    @property
    def _portal_url(self) -> str:
        return f"https://127.0.0.1:{self.options.portal_port}/"

    def _url(self, port: int) -> str:
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        return f"ldap://{host}:{port}"

    def commands(self) -> list[CommandToTry]:
        """The command lines to try, the first one first."""
        closed, opened = self._url(self.options.closed_port), self._url(self.options.open_port)
        offline = self._url(self.options.offline_port)
        alice, bob, grace, operations = (_person(uid) for uid in ("alice", "bob", "grace", "operations"))
        return [
            CommandToTry("Alice logs in: approve or deny it on her phone", _who_am_i(closed, *alice)),
            CommandToTry("Bob asks his second device", _who_am_i(closed, *bob, "push2")),
            CommandToTry("Alice types a passcode: nobody is asked", _who_am_i(closed, *alice, "111111")),
            CommandToTry(
                "A shared account asks all its people: one who approves is enough",
                _who_am_i(closed, *operations),
            ),
            CommandToTry("The same, but only Omar is asked", _who_am_i(closed, *operations, "@Omar")),
            CommandToTry("Grace is exempt by her group", _who_am_i(closed, *grace)),
            CommandToTry(
                "An application binds, searches, and everything else flows through",
                shlex.join(
                    ["ldapsearch", "-x", "-LLL", "-H", closed, "-D", APPLICATION_DN]
                    + ["-w", APPLICATION_PASSWORD, "-b", BASE_DN, "(uid=bob)", "cn", "mail"]
                ),
            ),
            CommandToTry("Switch Duo off, then: fail mode closed lets nobody in", _who_am_i(closed, *alice)),
            CommandToTry("Duo off, fail mode open: the password is enough", _who_am_i(opened, *alice)),
            CommandToTry(
                "Duo off, fail mode offline: for CODE type one that the portal gave Alice while Duo was on",
                _who_am_i(offline, *alice, "CODE"),
            ),
        ]

    def instructions(self) -> str:
        """What to print once the proxy listens."""
        lines = [
            "",
            f"The phone page: {self._page_url}",
            f"The portal for offline authenticators: {self._portal_url}",
            "    (your browser warns of the demo's own certificate; sign in as alice, password wonderland)",
            "",
        ]
        for command in self.commands():
            lines += [f"# {command.purpose}", command.command, ""]
        admin = f"http://127.0.0.1:{self.options.admin_port}/"
        lines += [f"Status and metrics: {admin}   Stop with Ctrl-C.", ""]
        return "\n".join(lines)


def _person(uid: str) -> tuple[str, str]:
    """DN and password of one of the cast."""
    return next((person.dn, person.password) for person in CAST if person.uid == uid)


def _who_am_i(url: str, dn: str, password: str, second_factor: str = "") -> str:
    credential = f"{password},{second_factor}" if second_factor else password
    return shlex.join(["ldapwhoami", "-x", "-H", url, "-D", dn, "-w", credential])


def _quoted(value: object) -> str:
    """A YAML scalar: JSON's quoted texts are YAML's."""
    return json.dumps(str(value))


def _write_private(path: Path, text: str) -> Path:
    """Writes a file that only we can read."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path
