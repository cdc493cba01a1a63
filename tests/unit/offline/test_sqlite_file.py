"""ldapproxy/offline/sqlite_file.py: real files, and what happens to them."""

from __future__ import annotations

import errno
import os
import random
import shutil
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ldapproxy.auth.enrolment import StoreUnavailableError
from ldapproxy.offline import accounts
from ldapproxy.offline.authenticators import Account, Authenticator, Limits, Totp
from ldapproxy.offline.codes import TotpKey
from ldapproxy.offline.database import Database
from ldapproxy.offline.sqlite_file import SqliteFile
from ldapproxy.offline.vault import Vault
from ldapproxy.secret import Secret
from tests.unit.offline.adversity import closed, full_disk, locked_by_another_process, overwrite, read_only
from tests.unit.offline.people import ALICE, KEYS, NOON

PATIENCE = 0.3
VAULT = Vault(KEYS)
LIMITS = Limits(10, 600.0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user can enter; pytest's own cannot be."""
    path = Path(tempfile.mkdtemp(prefix="ldapproxy-offline-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def place(folder: Path) -> SqliteFile:
    return SqliteFile(folder / "offline.db", patience=PATIENCE)


@pytest.fixture
def database(place: SqliteFile) -> Database:
    """A store with Alice in it."""
    database = Database(place, VAULT)
    fill(database)
    return database


def fill(database: Database, authenticators: int = 1) -> None:
    with database.write() as connection:
        accounts.add(connection, ALICE, "alice", NOON)
        for number in range(authenticators):
            added = Authenticator(f"id {number}", f"phone {number}", Totp(TotpKey(Secret(b"s" * 20))))
            accounts.add_authenticator(connection, ALICE, added, VAULT, NOON)


def read(database: Database) -> Account | None:
    with database.read() as connection:
        return accounts.load(connection, ALICE, VAULT, with_lock=False)


def count_login(database: Database) -> None:
    with database.write() as connection:
        before = accounts.usages(connection, [ALICE], with_lock=True)[ALICE]
        accounts.save_usage(connection, ALICE, before, replace(before, logins=before.logins + 1))


def logins(database: Database) -> int:
    account = read(database)
    assert account is not None
    return account.usage.logins


def unavailable(database: Database, sentence: str) -> None:
    """Neither reading nor writing works, and both say why in good time."""
    began = time.monotonic()
    for use in (read, count_login):
        with pytest.raises(StoreUnavailableError, match=sentence):
            use(database)
    assert time.monotonic() - began < 4 * PATIENCE + 5


def test_a_new_file_is_its_users_own(folder: Path, place: SqliteFile) -> None:
    before = os.umask(0)
    try:
        with Database(place, VAULT).write() as connection:
            accounts.add(connection, ALICE, "alice", NOON)
            files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    finally:
        os.umask(before)
    assert files == {"offline.db": 0o600, "offline.db-wal": 0o600, "offline.db-shm": 0o600}
    assert place.warnings() == ()


def test_what_root_makes_belongs_to_the_owner_of_the_folder(folder: Path, place: SqliteFile) -> None:
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    with Database(place, VAULT).write():  # its further files are there while it lasts
        made = list(folder.iterdir())
        assert len(made) == 3
        owners = {(file.stat().st_uid, file.stat().st_gid) for file in made}
    assert owners == {(folder.stat().st_uid, folder.stat().st_gid)}


def test_a_transaction_is_on_the_disk_when_it_is_over(place: SqliteFile, database: Database) -> None:
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_no_connection_is_kept(place: SqliteFile, database: Database) -> None:
    count_login(database)
    open_files = {str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.exists()}
    assert not [path for path in open_files if str(place.path) in path]


def test_a_missing_folder_is_not_made(folder: Path) -> None:
    place = SqliteFile(folder / "missing" / "offline.db")
    unavailable(Database(place, VAULT), "is missing, and so is its folder; make .*/missing, with mode 700")
    assert not place.path.parent.exists()


def test_a_folder_in_place_of_the_file(folder: Path) -> None:
    (folder / "offline.db").mkdir()
    unavailable(Database(SqliteFile(folder / "offline.db"), VAULT), "cannot be opened")


def test_a_file_that_is_gone_is_not_made_anew_and_is_used_again_when_it_is_back(
    folder: Path, place: SqliteFile, database: Database
) -> None:
    place.path.rename(folder / "elsewhere")
    unavailable(database, "is missing; restore it from a backup, or restart ldapproxy to begin with an empty")
    assert not place.path.exists()
    (folder / "elsewhere").rename(place.path)
    count_login(database)
    assert logins(database) == 1


def test_a_file_that_is_gone_before_the_very_next_use(place: SqliteFile, database: Database) -> None:
    """Not even the first use after the loss makes one."""
    place.path.unlink()
    with pytest.raises(StoreUnavailableError, match="is missing"):
        count_login(database)


def test_a_file_that_was_replaced_is_seen_at_once(
    folder: Path, place: SqliteFile, database: Database
) -> None:
    shutil.copy(place.path, folder / "backup")
    count_login(database)
    (folder / "backup").rename(place.path)
    assert logins(database) == 0


@pytest.mark.parametrize("content", [b"", b"no database\n" * 1000], ids=["empty", "another file"])
def test_a_file_that_holds_no_store_any_more(place: SqliteFile, database: Database, content: bytes) -> None:
    backup = place.path.read_bytes()
    place.path.write_bytes(content)
    unavailable(database, "has lost its tables|no SQLite file|cannot be used: no such table")
    assert not content or place.path.read_bytes() == content
    place.path.write_bytes(backup)
    assert logins(database) == 0


def test_a_lock_of_another_process_is_waited_for_a_while(place: SqliteFile, database: Database) -> None:
    with locked_by_another_process(place.path):
        with pytest.raises(StoreUnavailableError, match="is locked by another process for too long"):
            count_login(database)
        assert logins(database) == 0
    count_login(database)
    assert logins(database) == 1


@pytest.mark.parametrize("what", ["file", "folder", "both"])
def test_without_the_right_to_write(folder: Path, place: SqliteFile, database: Database, what: str) -> None:
    place.path.chmod(0o666)  # whoever runs this test
    folder.chmod(0o777)
    paths = {"file": [place.path], "folder": [folder], "both": [place.path, folder]}[what]
    with (
        read_only(*paths),
        pytest.raises(StoreUnavailableError, match=r"cannot be (written|opened); give the user that runs"),
    ):
        count_login(database)
    count_login(database)
    assert logins(database) == 1


def test_a_folder_that_may_not_be_entered(folder: Path, place: SqliteFile, database: Database) -> None:
    with closed(folder):
        unavailable(database, "cannot be opened; give the user that runs ldapproxy its file and its folder")
    assert logins(database) == 0


def test_a_new_file_where_nothing_may_be_written(folder: Path, place: SqliteFile) -> None:
    database = Database(place, VAULT)
    with read_only(folder):
        unavailable(database, "is missing and cannot be made: Permission denied; give its folder to the user")
    fill(database)
    assert logins(database) == 0


def test_a_full_disk_changes_nothing(place: SqliteFile, database: Database) -> None:
    count_login(database)
    with (
        full_disk(4096),
        pytest.raises(StoreUnavailableError, match=r"the disk is full|the disk failed, or is full"),
    ):
        fill(database, authenticators=50)
    assert logins(database) == 1
    count_login(database)
    assert logins(database) == 2
    assert sound(place.path)


def test_damage_is_never_believed(place: SqliteFile) -> None:
    """Random bytes in place of each page in turn: the store is as it was, or cannot be used."""
    database = Database(place, VAULT)
    with database.write() as connection:
        accounts.add(connection, ALICE, "alice", NOON)
        for number in range(40):
            added = Authenticator(f"id {number}", f"phone {number}", Totp(TotpKey(Secret(b"s" * 20))))
            accounts.add_authenticator(connection, ALICE, added, VAULT, NOON)
    whole = read(database)
    content = place.path.read_bytes()
    chance = random.Random(4)
    refused = 0
    for at in range(0, len(content), 4096):
        for size in (16, 512, 4096):
            shift = chance.randrange(0, 4097 - size)
            overwrite(place.path, at + shift, chance.randbytes(size))
            try:
                assert read(database) == whole
            except StoreUnavailableError:
                refused += 1
            place.path.write_bytes(content)
            assert read(database) == whole
    assert refused >= len(content) // 4096


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_file_that_was_cut_off(place: SqliteFile, database: Database, kept: float) -> None:
    content = place.path.read_bytes()
    place.path.write_bytes(content[: int(len(content) * kept)])
    unavailable(database, "is damaged")
    place.path.write_bytes(content)
    count_login(database)


def test_who_else_can_read_or_replace_it(folder: Path, place: SqliteFile, database: Database) -> None:
    place.path.chmod(0o640)
    folder.chmod(0o770)
    assert place.warnings() == (
        f"{place.path} can be read or written by others; chmod 600 it",
        f"files in {folder} can be replaced by others; chmod 700 it",
    )
    folder.chmod(0o1777)  # as /tmp: nobody can replace what is not theirs
    assert len(place.warnings()) == 1
    assert SqliteFile(folder / "missing" / "offline.db").warnings() == ()


def test_an_error_of_the_system_is_said_in_its_words(place: SqliteFile) -> None:
    assert place.sentence(OSError(errno.EMFILE, os.strerror(errno.EMFILE))) == (
        "cannot be used: Too many open files"
    )
    assert place.sentence(sqlite3.OperationalError()) == "cannot be used: OperationalError"


def sound(path: Path) -> bool:
    with sqlite3.connect(path) as connection:
        result = connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()
    return result == [("ok",)]
