"""Kept connections, and failover from one server to the next, with real servers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ldapproxy.directory import pool as pool_module
from ldapproxy.directory.connection import DirectoryConnection
from ldapproxy.directory.entries import RawEntry
from ldapproxy.directory.failures import RequestRefusedError
from ldapproxy.directory.pool import DirectoryUnavailableError, Pool
from tests.support.example_directory import ALICE, SERVICE
from tests.support.slapd import Slapd
from tests.unit.directory.places import plain, settings_for
from tests.unit.directory.scripted_server import ScriptedServer, binds_then


@pytest.fixture
def slapd(tmp_path: Path) -> Iterator[Slapd]:
    with Slapd(tmp_path, log_operations=True) as running:
        yield running


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Slapd]:
    with Slapd(tmp_path, log_operations=True) as running:
        yield running


def alice(connection: DirectoryConnection) -> tuple[RawEntry, ...]:
    """A question that every server of these tests can answer."""
    return connection.read(ALICE.dn, "(objectClass=*)", ("uid",))


def searches(slapd: Slapd) -> int:
    return len(slapd.operations("SRCH"))


def binds(slapd: Slapd) -> int:
    return len(slapd.operations("BIND"))


def test_a_connection_is_used_again(slapd: Slapd) -> None:
    pool = Pool(settings_for(plain(slapd)))
    for _ in range(3):
        assert len(pool.ask(alice)) == 1
    pool.close()
    assert searches(slapd) == 3
    assert binds(slapd) == 1


def test_connections_are_as_many_as_questions_at_a_time(slapd: Slapd) -> None:
    pool = Pool(settings_for(plain(slapd)))
    together = threading.Barrier(3)

    def slow(connection: DirectoryConnection) -> int:
        together.wait(timeout=10)
        return len(alice(connection))

    with ThreadPoolExecutor(3) as threads:
        for _ in range(3):
            assert list(threads.map(pool.ask, [slow] * 3)) == [1, 1, 1]
    pool.close()
    assert binds(slapd) == 3


def test_a_connection_that_was_kept_too_long_is_not_used(
    slapd: Slapd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "KEEP", 0.0)
    pool = Pool(settings_for(plain(slapd)))
    pool.ask(alice)
    pool.ask(alice)
    pool.close()
    assert binds(slapd) == 2


def test_kept_connections_that_died_are_replaced_unnoticed(slapd: Slapd) -> None:
    pool = Pool(settings_for(plain(slapd)))
    together = threading.Barrier(2)

    def two_at_a_time(connection: DirectoryConnection) -> int:
        together.wait(timeout=10)
        return len(alice(connection))

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(pool.ask, [two_at_a_time] * 2)) == [1, 1]
    slapd.restart()
    assert len(pool.ask(alice)) == 1
    slapd.kill()
    slapd.start()
    assert len(pool.ask(alice)) == 1
    pool.close()


def test_the_second_server_serves_while_the_first_is_down(slapd: Slapd, second: Slapd) -> None:
    pool = Pool(settings_for(plain(slapd), plain(second)))
    pool.ask(alice)
    assert (searches(slapd), searches(second)) == (1, 0)
    slapd.kill()
    pool.ask(alice)
    pool.ask(alice)
    assert searches(second) == 2
    pool.close()


def test_a_server_that_is_down_is_not_tried_again_at_once(second: Slapd) -> None:
    with ScriptedServer(lambda _, __, connection: connection.shutdown(socket.SHUT_RDWR)) as first:
        pool = Pool(settings_for(first.server, plain(second)))
        for _ in range(3):
            assert len(pool.ask(alice)) == 1
        assert len(first.requests) == 1
        pool.close()


def test_all_down_says_why_of_each_and_back_again_it_serves(slapd: Slapd, second: Slapd) -> None:
    pool = Pool(settings_for(plain(slapd), plain(second)))
    slapd.kill()
    second.kill()
    with pytest.raises(DirectoryUnavailableError) as unavailable:
        pool.ask(alice)
    assert str(unavailable.value) == (
        f"{slapd.url}: the connection was refused; {second.url}: the connection was refused"
    )
    second.start()
    assert len(pool.ask(alice)) == 1
    slapd.start()
    second.kill()
    assert len(pool.ask(alice)) == 1
    pool.close()


def test_a_refusal_is_not_tried_elsewhere(slapd: Slapd, second: Slapd) -> None:
    """Each try of a wrong password may count against the service account."""
    pool = Pool(settings_for(plain(slapd), plain(second), password="wrong"))
    with pytest.raises(RequestRefusedError) as refused:
        pool.ask(alice)
    assert str(refused.value) == (
        f"{slapd.url}: it answered invalid_credentials (49) to the bind of {SERVICE.dn}"
    )
    assert (binds(slapd), binds(second)) == (1, 0)
    pool.close()


def test_a_question_that_fails_by_itself_leaves_no_connection_behind(slapd: Slapd) -> None:
    pool = Pool(settings_for(plain(slapd)))

    def stumble(connection: DirectoryConnection) -> None:
        assert alice(connection)
        raise KeyError("a defect")

    with pytest.raises(KeyError):
        pool.ask(stumble)
    pool.ask(alice)
    assert binds(slapd) == 2
    pool.close()


def test_closing_ends_what_waits_and_what_is_yet_to_come() -> None:
    asked = threading.Event()
    with ScriptedServer(binds_then(lambda *_: asked.set())) as server:
        pool = Pool(settings_for(server.server, timeout=30))
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(pool.ask, alice)
            assert asked.wait(timeout=10)
            began = time.monotonic()
            pool.close()
            with pytest.raises(DirectoryUnavailableError):
                waiting.result(timeout=10)
            assert time.monotonic() - began < 5
        with pytest.raises(DirectoryUnavailableError, match="look-ups have been stopped"):
            pool.ask(alice)


def test_a_server_that_hangs_is_passed_by(second: Slapd, tmp_path: Path) -> None:
    with Slapd(tmp_path) as first:
        pool = Pool(settings_for(plain(first), plain(second), timeout=0.5))
        first.suspend()
        assert len(pool.ask(alice)) == 1
        began = time.monotonic()
        assert len(pool.ask(alice)) == 1
        assert time.monotonic() - began < 0.4, "it is known to be down"
        pool.close()
