"""The arguments of `ldapproxy offline`.

Owns options, their defaults and the help. It must not know what a command does.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from enum import Enum, unique
from pathlib import Path

from ldapproxy.offline.administration import RECOVERY_LABEL

TOTP_LABEL = "phone"
"""What an authenticator app is called unless `--label` says otherwise."""


@unique
class Command(Enum):
    """What there is to do."""

    ENROLL = "enroll"
    CONFIRM = "confirm"
    RECOVERY_CODES = "recovery-codes"
    LIST = "list"
    REVOKE = "revoke"
    IMPORT = "import"
    REENCRYPT = "reencrypt"


_SUMMARIES = {
    Command.ENROLL: "add an authenticator app: QR code, secret, and a code to confirm it",
    Command.CONFIRM: "confirm an authenticator app that was enrolled before",
    Command.RECOVERY_CODES: "make a sheet of single-use codes, and print it once",
    Command.LIST: "list accounts, what is left of their limits, and their authenticators",
    Command.REVOKE: "remove an authenticator; none of its codes is accepted from now on",
    Command.IMPORT: "add hardware tokens from a CSV file, all or none",
    Command.REENCRYPT: "encrypt all secrets with the first key, so that others can be removed",
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments behind `ldapproxy offline`: `command`, `config`, `directory`, and the command's own.

    Raises:
        SystemExit: after --help, or arguments that make no sense.
    """
    return _parser().parse_args(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ldapproxy offline",
        description="Offline authenticators: a way in while Duo is away, where the fail mode is offline.",
        allow_abbrev=False,
    )
    added = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    by_command: dict[Command, argparse.ArgumentParser] = {}
    for command, summary in _SUMMARIES.items():
        its = added.add_parser(command.value, help=summary, description=summary, allow_abbrev=False)
        its.set_defaults(command=command, directory=None)
        its.add_argument(
            "-c", "--config", metavar="FILE", type=Path, required=True, help="the configuration (YAML)"
        )
        by_command[command] = its

    for command, label in (
        (Command.ENROLL, TOTP_LABEL),
        (Command.CONFIRM, TOTP_LABEL),
        (Command.RECOVERY_CODES, RECOVERY_LABEL),
    ):
        _add_name(by_command[command], "the account: a DN, or a user name")
        by_command[command].add_argument(
            "--label",
            default=label,
            help="tells it from others; of a shared account, whose it is [%(default)s]",
        )

    _add_name(by_command[Command.LIST], "one account: a DN, a user name, or an identity", is_optional=True)

    _add_name(by_command[Command.REVOKE], "the account: a DN, a user name, or the identity that list shows")
    which = by_command[Command.REVOKE].add_mutually_exclusive_group(required=True)
    which.add_argument("--label", help="the one with this label")
    which.add_argument("--all", action="store_true", help="all of the account")

    by_command[Command.IMPORT].add_argument(
        "file",
        metavar="TOKENS",
        type=Path,
        help="first line: account,label,secret_hex (or secret_base32); perhaps also algorithm,digits,period",
    )
    _add_directory(by_command[Command.IMPORT])
    return parser


def _add_name(parser: argparse.ArgumentParser, summary: str, *, is_optional: bool = False) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?" if is_optional else None, help=summary)
    _add_directory(parser)


def _add_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--directory", metavar="NAME", help="where accounts are looked up, if there are several directories"
    )
