"""The arguments of `ldapproxy demo` and `ldapproxy duo-simulator`, and what these commands print.

Owns options and messages. It must not know how the proxy is run: that is handed in.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvloop
import yaml

from ldapproxy.demo.certificate import CertificateError, CertificateFiles, DemoNotInstalledError
from ldapproxy.demo.duo_documents import read_user
from ldapproxy.demo.duo_model import User
from ldapproxy.demo.kept import certificate_in, integration_key_in, secret_key_file_in
from ldapproxy.demo.people import CAST
from ldapproxy.demo.phone_page import PersonToTry
from ldapproxy.demo.scene import Scene, SceneOptions
from ldapproxy.demo.standalone import SimulatorOptions, raise_descriptor_limit, serving
from ldapproxy.secret import Secret

OK, FAILED, UNUSABLE = 0, 1, 2

# Installs the reactor, starts the scene made for it, runs the proxy with the configuration that the scene's
# start returns, prints the scene's instructions, and stops both. Returns the exit code.
RunProxy = Callable[[Callable[[Any], Scene]], int]

# What a person writes where an address is wanted.
_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not listened on


class OptionError(Exception):
    """An option cannot be used; the message is one sentence for the person who typed it."""


def demo(arguments: Sequence[str], run_proxy: RunProxy) -> int:
    """Runs `ldapproxy demo`.

    Args:
        arguments: those behind the command's name.
        run_proxy: runs the proxy around a scene (`app`).

    Returns:
        The exit code.
    """
    default = SceneOptions()
    parser = argparse.ArgumentParser(
        prog="ldapproxy demo",
        description="An embedded directory, a Duo simulator with a phone page, and the proxy between them.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--host", default=default.host, help="address of the proxy's listeners, in clear text [%(default)s]"
    )
    parser.add_argument(
        "--closed-port",
        type=_port,
        default=default.closed_port,
        help="of the listener with fail mode closed [%(default)s]",
    )
    parser.add_argument(
        "--open-port",
        type=_port,
        default=default.open_port,
        help="of the listener with fail mode open [%(default)s]",
    )
    parser.add_argument(
        "--offline-port",
        type=_port,
        default=default.offline_port,
        help="of the listener with fail mode offline [%(default)s]",
    )
    parser.add_argument(
        "--portal-port",
        type=_port,
        default=default.portal_port,
        help="the portal for offline authenticators, on loopback, HTTPS [%(default)s]",
    )
    parser.add_argument(
        "--page",
        type=_endpoint,
        default=f"{default.page_host}:{default.page_port}",
        metavar="HOST:PORT",
        help="the phone page, in clear text; 0.0.0.0:8080 lets a real phone open it [%(default)s]",
    )
    parser.add_argument(
        "--admin-port",
        type=_port,
        default=default.admin_port,
        help="metrics and status page, on loopback [%(default)s]",
    )
    parsed = parser.parse_args(arguments)
    page_host, page_port = parsed.page
    options = SceneOptions(
        host=parsed.host,
        closed_port=parsed.closed_port,
        open_port=parsed.open_port,
        offline_port=parsed.offline_port,
        portal_port=parsed.portal_port,
        page_host=page_host,
        page_port=page_port,
        admin_port=parsed.admin_port,
    )
    return run_proxy(lambda reactor: Scene(reactor, options))


def duo_simulator(arguments: Sequence[str]) -> int:
    """Runs `ldapproxy duo-simulator` until SIGTERM or SIGINT.

    Args:
        arguments: those behind the command's name.

    Returns:
        The exit code.
    """
    parsed = _simulator_parser().parse_args(arguments)
    raise_descriptor_limit()
    try:
        if parsed.folder is not None:
            return _simulate(parsed, parsed.folder)
        with TemporaryDirectory(prefix="duo-simulator-") as folder:
            return _simulate(parsed, Path(folder))
    except OptionError as error:
        sys.stderr.write(f"ldapproxy duo-simulator: {error}\n")
        return UNUSABLE
    except (DemoNotInstalledError, CertificateError) as error:
        sys.stderr.write(f"ldapproxy duo-simulator: {error}\n")
        return FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"ldapproxy duo-simulator: {where}{error.strerror or error}\n")
        return FAILED


def _simulator_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ldapproxy duo-simulator",
        description="Duo's Auth API v2 with a phone page in the browser, to test applications without Duo. "
        "Never a second factor for anything real: whoever opens the page can approve.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--listen",
        type=_endpoint,
        default="127.0.0.1:8443",
        metavar="HOST:PORT",
        help="the API, over TLS [%(default)s]",
    )
    add(
        "--page",
        type=_endpoint,
        default="127.0.0.1:8080",
        metavar="HOST:PORT",
        help="the phone page and the control API, in clear text [%(default)s]",
    )
    add("--users", type=Path, metavar="FILE", help="a YAML list of users; left out: the people of the demo")
    add("--folder", type=Path, metavar="DIR", help="keeps keys and certificate for the next start")
    add("--name", action="append", default=[], help="a further name in the certificate it makes (repeatable)")
    add("--certificate", type=Path, metavar="FILE", help="a certificate (PEM) to present instead")
    add("--private-key", type=Path, metavar="FILE", help="the key of that certificate")
    add("--integration-key", metavar="KEY", help="left out: made up")
    add("--secret-key-file", type=Path, metavar="FILE", help="left out: made up")
    return parser


def _simulate(parsed: argparse.Namespace, folder: Path) -> int:
    """Serves until a signal comes, with keys and certificate from `folder` unless others are given."""
    folder.mkdir(parents=True, exist_ok=True)
    secret_key_file = parsed.secret_key_file or secret_key_file_in(folder)
    host, port = parsed.listen
    page_host, page_port = parsed.page
    options = SimulatorOptions(
        certificate=_given_certificate(parsed) or certificate_in(folder, _names(parsed)),
        integration_key=parsed.integration_key or integration_key_in(folder),
        secret_key=_read_secret(secret_key_file),
        host=host,
        port=port,
        page_host=page_host,
        page_port=page_port,
        users=_read_users(parsed.users) if parsed.users else _cast(),
    )
    shown_host = parsed.name[0] if parsed.name and host in _EVERY_ADDRESS else host

    async def serve() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with serving(options) as running:
            if parsed.users is None:
                running.phones.people = [PersonToTry(person.uid, "", person.note) for person in CAST]
            api_host = _host_and_port(shown_host, running.simulator.listener.port)
            sys.stdout.write(_configuration(options, api_host, secret_key_file, running.page.url))
            sys.stdout.flush()
            await stop.wait()

    uvloop.run(serve())
    return OK


def _configuration(options: SimulatorOptions, api_host: str, secret_key_file: Path, page_url: str) -> str:
    """What to put into the configuration, and where the phone page is."""
    lines = [
        f"The phone page: {page_url}",
        "In ldapproxy's configuration:",
        "",
        "duo:",
        "  simulator:",
        f"    api_host: {json.dumps(api_host)}",
        f"    integration_key: {json.dumps(options.integration_key)}",
        f"    secret_key_file: {json.dumps(str(secret_key_file.absolute()))}",
    ]
    ca_file = options.certificate.ca_file
    if ca_file is not None:
        lines.append(f"    ca_file: {json.dumps(str(ca_file.absolute()))}")
    return "\n".join(lines) + "\n\n"


def _names(parsed: argparse.Namespace) -> list[str]:
    """The names for a new certificate, the one that clients use first."""
    names = [*parsed.name, parsed.listen[0], "localhost", "127.0.0.1", "::1"]
    return [name for name in dict.fromkeys(names) if name not in _EVERY_ADDRESS]


def _given_certificate(parsed: argparse.Namespace) -> CertificateFiles | None:
    """The certificate that was given; None when none was.

    Raises:
        OptionError: only one of its two files was given.
    """
    match parsed.certificate, parsed.private_key:
        case None, None:
            return None
        case Path() as certificate, Path() as key:
            return CertificateFiles(certificate, key)
        case _:
            raise OptionError("--certificate and --private-key belong together: give both or none")


def _read_secret(path: Path) -> Secret:
    """Reads a key that stands alone in a file.

    Raises:
        OptionError: the file cannot be read, or is empty.
    """
    try:
        key = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: the secret key cannot be read: {error}") from None
    if not key:
        raise OptionError(f"{path}: the file is empty; it must hold the secret key")
    return Secret(key)


def _cast() -> tuple[User, ...]:
    return tuple(user for person in CAST if (user := person.duo_user()) is not None)


def _read_users(path: Path) -> tuple[User, ...]:
    """Reads a YAML list of users (`duo_documents.read_user`).

    Raises:
        OptionError: the file cannot be read, or is no such list.
    """
    try:
        documents = yaml.safe_load(path.read_text())
        if not isinstance(documents, list):
            raise OptionError(f"{path}: this must be a list of users, each with a name")
        return tuple(map(read_user, documents))
    except KeyError as error:
        raise OptionError(f"{path}: a user lacks {error.args[0]}") from error
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise OptionError(f"{path}: {error}") from error


def _host_and_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _endpoint(text: str) -> tuple[str, int]:
    """An option `HOST:PORT`; an IPv6 address stands in brackets."""
    host, found, port = text.rpartition(":")
    if not found or not host:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), _port(port)


def _port(text: str) -> int:
    """An option that is a port."""
    if not (text.isascii() and text.isdigit()) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to 65535")
    return int(text)
