"""The commands (design, section 6).

Owns arguments, exit codes and what goes to standard output and standard error. It must not know how anything
works; each command imports what it needs when it runs, so that `run` loads no demo, and app.py alone installs
a reactor.

Exit codes: 0, 1 for what failed, 2 for a configuration or command line that cannot be used.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ldapproxy import __version__
from ldapproxy.config.configuration import Configuration
from ldapproxy.config.problems import ConfigurationError

OK, FAILED, UNUSABLE = 0, 1, 2

Command = Callable[[argparse.Namespace, list[str]], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: those of the command line, without the program's name; None takes the process's own.

    Returns:
        The exit code.

    Raises:
        SystemExit: after --help, --version, or arguments that make no sense.
    """
    parser = _parser()
    parsed, further = parser.parse_known_args(arguments)
    if further and not parsed.takes_further:
        parser.error(f"unrecognized arguments: {' '.join(further)}")
    command: Command = parsed.command
    _never_fail_to_encode()
    try:
        status = command(parsed, further)
        sys.stdout.flush()
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return UNUSABLE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output (`| head`) has enough; what Python flushes at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ldapproxy",
        description="Duo as a second factor for applications that only know the LDAP simple bind.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ldapproxy {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(
        name: str, command: Command, summary: str, *, takes_further: bool = False
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, help=summary, description=summary, add_help=not takes_further, allow_abbrev=False
        )
        added.set_defaults(command=command, takes_further=takes_further)
        return added

    for name, command, summary in (
        ("run", _run, "run the proxy"),
        ("check-config", _check_config, "read the configuration and tell in words what it does; no network"),
        ("check", _check, "also ask every directory server and Duo whether it works"),
    ):
        add(name, command, summary).add_argument(
            "-c", "--config", metavar="FILE", type=Path, required=True, help="the configuration (YAML)"
        )
    # Their options are theirs: see `ldapproxy offline --help`.
    add("offline", _offline, "enrol, list and revoke offline authenticators", takes_further=True)
    add("demo", _demo, "try it: a directory, a Duo simulator, and the proxy between them", takes_further=True)
    add("duo-simulator", _duo_simulator, "only the Duo simulator, to test applications", takes_further=True)
    return parser


def _run(parsed: argparse.Namespace, _further: list[str]) -> int:
    configuration = _load(parsed.config)
    from ldapproxy import app

    return app.run(configuration)


def _check_config(parsed: argparse.Namespace, _further: list[str]) -> int:
    configuration = _load(parsed.config)
    from ldapproxy.config.describe import describe

    sys.stdout.write(describe(configuration))
    return OK


def _check(parsed: argparse.Namespace, _further: list[str]) -> int:
    configuration = _load(parsed.config)
    from ldapproxy import check

    report = check.run(configuration)
    sys.stdout.write(str(report))
    return OK if report.is_good else FAILED


def _demo(_parsed: argparse.Namespace, further: list[str]) -> int:
    from ldapproxy import app
    from ldapproxy.demo import command_line
    from ldapproxy.demo.scene import SceneError

    try:
        return command_line.demo(further, lambda make_scene: app.run_scene(make_scene, _load))
    except SceneError as error:
        sys.stderr.write(f"ldapproxy demo: {error}\n")
        return FAILED


def _duo_simulator(_parsed: argparse.Namespace, further: list[str]) -> int:
    from ldapproxy.demo import command_line

    return command_line.duo_simulator(further)


def _offline(_parsed: argparse.Namespace, further: list[str]) -> int:
    from ldapproxy.offline_commands import command_line

    return command_line.run(further, _load)


def _load(path: Path) -> Configuration:
    from ldapproxy.config.load import load

    return load(path, os.environ)


def _never_fail_to_encode() -> None:
    """Lets names that the terminal's encoding cannot show be escaped, instead of ending in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
