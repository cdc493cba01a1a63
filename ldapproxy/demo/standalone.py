"""The Duo simulator with its phone page, ready to serve: `ldapproxy duo-simulator`, and a part of the demo.

Owns the composition of simulator, page and certificate. It must not know the proxy.
"""

from __future__ import annotations

import contextlib
import resource
from collections.abc import AsyncIterator
from dataclasses import dataclass

from ldapproxy.demo.certificate import CertificateFiles
from ldapproxy.demo.duo_model import User
from ldapproxy.demo.duo_simulator import DuoSimulator
from ldapproxy.demo.page_server import PageServer
from ldapproxy.demo.phone_page import PhonePage
from ldapproxy.secret import Secret


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """What to serve, and where. Port 0 takes a free one.

    Attributes:
        certificate: what the API presents.
        integration_key: the key that calls must name.
        secret_key: the key that calls must be signed with.
        host: the address of the API.
        port: its port.
        page_host: the address of the phone page and the control API, in clear text.
        page_port: their port.
        users: who is enrolled.
    """

    certificate: CertificateFiles
    integration_key: str
    secret_key: Secret
    host: str = "127.0.0.1"
    port: int = 0
    page_host: str = "127.0.0.1"
    page_port: int = 0
    users: tuple[User, ...] = ()


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator that serves.

    Attributes:
        simulator: the API.
        page: the port of the phone page and the control API.
        phones: what the phone page shows.
    """

    simulator: DuoSimulator
    page: PageServer
    phones: PhonePage


@contextlib.asynccontextmanager
async def serving(options: SimulatorOptions) -> AsyncIterator[RunningSimulator]:
    """Serves a simulator with its phone page until the context is left.

    Raises:
        OSError: an address cannot be listened on.
        CertificateError: the certificate cannot be used.
    """
    simulator = DuoSimulator(
        options.integration_key, options.secret_key, options.certificate, options.host, options.port
    )
    for user in options.users:
        simulator.duo.accounts.put(user)
    phones = PhonePage(simulator)
    page = PageServer(simulator, phones, options.page_host, options.page_port)
    try:
        await simulator.start()
        await page.start()
        yield RunningSimulator(simulator, page, phones)
    finally:
        await page.stop()
        await simulator.stop()


def raise_descriptor_limit() -> None:
    """Lets this process hold as many connections as the system allows, not the shell's default of 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
