"""`ldapproxy offline COMMAND`: what is done, printed and asked, and exit codes.

Owns the words. It must not know how authenticators are kept, nor how a name is looked up.

Whoever may read the configuration and write to the store is an administrator here, whose decision stands in
for the online login that the portal asks for.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ldapproxy.auth.enrolment import EnrolmentRefusedError, OfflineAccount, StoreUnavailableError
from ldapproxy.auth.outcomes import FailMode
from ldapproxy.config.configuration import Configuration, DirectorySettings
from ldapproxy.offline import qr, token_file
from ldapproxy.offline.administration import Administration, ImportedToken, open_administration
from ldapproxy.offline.spans import span
from ldapproxy.offline.token_file import TokenFileError
from ldapproxy.offline_commands.accounts import (
    Account,
    NoSuchDirectoryError,
    UnknownAccountError,
    directory_named,
    find,
    find_one,
    identity_in,
)
from ldapproxy.offline_commands.arguments import Command, parse
from ldapproxy.offline_commands.table import Listed, table
from ldapproxy.secret import Secret

OK, FAILED, UNUSABLE = 0, 1, 2

ATTEMPTS = 3
"""Times that a code is asked for after enrolment. Who mistypes it three times has another problem."""

_PROMPT = "The code that the app shows now: "


@dataclass(frozen=True, slots=True)
class _Desk:
    """What every command works with."""

    arguments: argparse.Namespace
    configuration: Configuration
    administration: Administration

    @property
    def directory(self) -> DirectorySettings:
        """The directory that is meant."""
        return directory_named(self.configuration, self.arguments.directory)

    def account(self) -> Account:
        """The account that is meant."""
        return find_one(self.directory, self.arguments.name)


def run(arguments: Sequence[str], load: Callable[[Path], Configuration]) -> int:
    """Runs one command.

    Args:
        arguments: those behind `ldapproxy offline`.
        load: reads a configuration.

    Returns:
        The exit code.

    Raises:
        ConfigurationError: the configuration cannot be used.
        SystemExit: after --help, or arguments that make no sense.
    """
    parsed = parse(arguments)
    configuration = load(parsed.config)
    if configuration.offline is None:
        _complain(f"{parsed.config} has no offline: section, so there is no store of authenticators")
        return UNUSABLE
    desk = _Desk(parsed, configuration, open_administration(configuration.offline))
    try:
        return _COMMANDS[parsed.command](desk)
    except NoSuchDirectoryError as error:
        _complain(str(error))
        return UNUSABLE
    except TokenFileError as error:
        for problem in error.problems:
            _complain(f"{parsed.file}: {problem}")
    except (EnrolmentRefusedError, StoreUnavailableError, UnknownAccountError) as error:
        _complain(str(error))
    return FAILED


def _enroll(desk: _Desk) -> int:
    account, label = desk.account(), desk.arguments.label
    provisioning = desk.administration.enroll_totp(account.identity, account.name, label)
    _say(f"{provisioning.label!r} for {account.name} ({account.dn}): scan this with an authenticator app,\n")
    sys.stdout.write(f"{qr.terminal(provisioning.uri)}\n")
    _say(f"or type this secret into it (time-based, 6 digits): {provisioning.secret.reveal_text()}")
    _say("It opens nothing until one of its codes was entered here. To do that later, just press Enter.\n")
    for _ in range(ATTEMPTS):
        code = _ask(_PROMPT)
        if not code:
            _say("Not confirmed yet; do that with `ldapproxy offline confirm`.")
            return OK
        try:
            desk.administration.confirm(account.identity, label, code)
        except EnrolmentRefusedError as error:
            _complain(str(error))
        else:
            return _confirmed(desk, account)
    _complain("it is not confirmed; enroll again, or use ldapproxy offline confirm")
    return FAILED


def _confirm(desk: _Desk) -> int:
    account = desk.account()
    desk.administration.confirm(account.identity, desk.arguments.label, _ask(_PROMPT))
    return _confirmed(desk, account)


def _confirmed(desk: _Desk, account: Account) -> int:
    _say(f"Confirmed: while Duo is away, {account.name} types {_form(desk.configuration)}.")
    _say(_what_is_left(desk.administration, account))
    return OK


def _form(configuration: Configuration) -> str:
    """How a code is typed at the listeners where one is asked for."""
    delimiters = {
        listener.policy.delimiter
        for listener in configuration.listeners
        if listener.policy.fail_mode is FailMode.OFFLINE
    }
    if len(delimiters) == 1:
        return f"the password and a code, such as password{delimiters.pop()}123456"
    return "the password, the listener's delimiter, and a code"


def _recovery_codes(desk: _Desk) -> int:
    account, label = desk.account(), desk.arguments.label
    codes = desk.administration.new_recovery_codes(account.identity, account.name, label)
    _say(f"{label!r} of {account.name} ({account.dn}). Each works once, while Duo is away:\n")
    for code in codes:
        _say(f"    {code.reveal_text()}")
    _say("\nThis is the only time that they are shown; codes of an earlier sheet with this label are void.")
    _say(_what_is_left(desk.administration, account))
    return OK


def _what_is_left(administration: Administration, account: Account) -> str:
    left = administration.standing(account.identity)
    if left is None:
        return ""
    if left.locked_for > 0:
        return f"But the account is locked for {span(left.locked_for)}, after too many wrong codes."
    if not left.logins_left or left.seconds_left <= 0:
        return "But the account's limits are used up: it needs an online login first."
    return (
        f"{left.logins_left} offline logins are left within {span(left.seconds_left)}; "
        "each online login renews that."
    )


def _list(desk: _Desk) -> int:
    administration = desk.administration
    accounts: Sequence[OfflineAccount] = administration.accounts()
    if desk.arguments.name is not None:
        identity = _identity(desk)
        accounts = [account for account in accounts if account.identity == identity]
    if not accounts:
        _say("There is no offline authenticator.")
        return OK
    listed = [
        Listed(
            account,
            administration.standing(account.identity),
            administration.authenticators(account.identity),
        )
        for account in accounts
    ]
    _say(table(listed, time.time()).rstrip())
    return OK


def _revoke(desk: _Desk) -> int:
    identity, label = _identity(desk), desk.arguments.label
    if label is not None:
        desk.administration.revoke(identity, label)
        _say(f"Removed {label!r} of {desk.arguments.name}.")
        return OK
    count = desk.administration.revoke_all(identity)
    if not count:
        _complain(f"{desk.arguments.name} has no offline authenticator")
        return FAILED
    _say(f"Removed {count} of {desk.arguments.name}.")
    return OK


def _identity(desk: _Desk) -> str:
    """The identity that was typed, or that of the account that was; entries may be gone."""
    return identity_in(desk.arguments.name) or desk.account().identity


def _import(desk: _Desk) -> int:
    file: Path = desk.arguments.file
    try:
        content = Secret(file.read_bytes())
    except OSError as error:
        raise TokenFileError([f"cannot be read: {error.strerror}"]) from None
    tokens = token_file.read(content)
    accounts = find(desk.directory, (token.account for token in tokens))
    imported, problems = [], []
    for token in tokens:
        account = accounts[token.account]
        if isinstance(account, UnknownAccountError):
            problems.append(f"line {token.line}: {account}")
        else:
            imported.append(ImportedToken(account.identity, account.name, token.label, token.key))
    if problems:
        raise TokenFileError(problems)
    desk.administration.import_tokens(imported)
    people = len({token.identity for token in imported})
    _say(f"Added tokens: {len(imported)}, of accounts: {people}. Remove {file}, or keep it as a secret.")
    return OK


def _reencrypt(desk: _Desk) -> int:
    count = desk.administration.reencrypt()
    _say(f"Encrypted with the first key: {count}. The other keys can be removed, in every proxy.")
    return OK


_COMMANDS: dict[Command, Callable[[_Desk], int]] = {
    Command.ENROLL: _enroll,
    Command.CONFIRM: _confirm,
    Command.RECOVERY_CODES: _recovery_codes,
    Command.LIST: _list,
    Command.REVOKE: _revoke,
    Command.IMPORT: _import,
    Command.REENCRYPT: _reencrypt,
}


def _ask(prompt: str) -> Secret:
    """A code from standard input, without the blanks that apps show in it; empty at its end."""
    sys.stdout.write(prompt)
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        sys.stdout.write("\n")
    return Secret("".join(line.split()))


def _say(text: str) -> None:
    sys.stdout.write(f"{_harmless(text)}\n")


def _complain(sentence: str) -> None:
    sys.stderr.write(f"ldapproxy offline: {_harmless(sentence)}\n")


def _harmless(text: str) -> str:
    """Names come from the directory, and may hold what a terminal would obey."""
    return "".join(
        character if character.isprintable() or character == "\n" else repr(character)[1:-1]
        for character in text
    )
