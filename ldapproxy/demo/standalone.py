"""The Duo simulator by itself: `ldapproxy duo-simulator`.

Owns the composition of simulator, phone page and certificate. It must not know the proxy.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import string
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ldapproxy.demo.certificate import CertificateFiles, make_certificate
from ldapproxy.demo.duo_model import User
from ldapproxy.demo.duo_simulator import DuoSimulator
from ldapproxy.demo.page_server import PageServer
from ldapproxy.demo.phone_page import PhonePage
from ldapproxy.secret import Secret


def new_integration_key() -> str:
    """An integration key of Duo's form: `DI` and 18 capitals or digits."""
    return "DI" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(18))


def new_secret_key() -> Secret:
    """A secret key of Duo's form: 40 letters or digits."""
    return Secret("".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(40)))


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """The options of `ldapproxy duo-simulator`.

    Attributes:
        host: the address of the API.
        port: the port of the API; 0 takes a free one.
        page_host: the address of the phone page and the control API; clear text.
        page_port: the port of these; 0 takes a free one.
        certificate: what the API presents; None makes a throw-away one.
        certificate_names: names of a throw-away certificate besides the address and `localhost`.
        integration_key: None makes one up.
        secret_key: None makes one up.
        users: who is enrolled.
    """

    host: str = "127.0.0.1"
    port: int = 8443
    page_host: str = "127.0.0.1"
    page_port: int = 8080
    certificate: CertificateFiles | None = None
    certificate_names: tuple[str, ...] = ()
    integration_key: str | None = None
    secret_key: Secret | None = None
    users: tuple[User, ...] = ()


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator that serves, and where to find it."""

    simulator: DuoSimulator
    page: PageServer
    ca_file: Path | None


@contextlib.asynccontextmanager
async def serving(options: SimulatorOptions) -> AsyncIterator[RunningSimulator]:
    """Serves a simulator with its phone page until the context is left.

    Raises:
        OSError: an address cannot be listened on, or a file cannot be read.
        ssl.SSLError: the certificate cannot be used.
        DemoNotInstalledError: a certificate is to be made and trustme is not installed.
    """
    with TemporaryDirectory(prefix="duo-simulator-") as folder:
        certificate = options.certificate
        if certificate is None:
            names = dict.fromkeys((options.host, "localhost", "127.0.0.1", "::1", *options.certificate_names))
            certificate = make_certificate(Path(folder), *names)
        simulator = DuoSimulator(
            options.integration_key or new_integration_key(),
            options.secret_key or new_secret_key(),
            certificate,
            options.host,
            options.port,
        )
        for user in options.users:
            simulator.duo.accounts.put(user)
        page = PageServer(simulator, PhonePage(simulator), options.page_host, options.page_port)
        await simulator.start()
        try:
            await page.start()
            try:
                yield RunningSimulator(simulator, page, certificate.ca_file)
            finally:
                await page.stop()
        finally:
            await simulator.stop()


async def run_simulator(options: SimulatorOptions, stopped: asyncio.Event) -> None:
    """Runs the simulator until `stopped` is set, and prints what to put into the configuration.

    Raises:
        OSError, ssl.SSLError, DemoNotInstalledError: as `serving`.
    """
    async with serving(options):
        await stopped.wait()
