"""A socket with one deadline and a largest size, that another thread can interrupt."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ldapproxy.directory.wire import AnswerTooLargeError, UnusableAuthoritiesError, Wire


@pytest.fixture
def pair() -> Iterator[tuple[Wire, socket.socket]]:
    """A wire and the socket at its other end."""
    near, far = socket.socketpair()
    wire = Wire()
    wire.attach(near)
    wire.allow(time.monotonic() + 10, 1000)
    yield wire, far
    wire.close()
    far.close()


def test_it_sends_and_receives(pair: tuple[Wire, socket.socket]) -> None:
    wire, far = pair
    wire.sendall(b"question")
    assert far.recv(100) == b"question"
    far.sendall(b"answer")
    assert wire.recv(100) == b"answer"
    assert wire.failure is None
    assert wire.encrypted is None


def test_octets_are_counted_over_all_pieces(pair: tuple[Wire, socket.socket]) -> None:
    wire, far = pair
    wire.allow(time.monotonic() + 10, 10)
    far.sendall(b"x" * 20)
    assert wire.recv(6) == b"x" * 6
    assert wire.recv(6) == b"x" * 4
    with pytest.raises(AnswerTooLargeError) as raised:
        wire.recv(6)
    assert wire.failure is raised.value


def test_the_deadline_is_one_for_all_pieces(pair: tuple[Wire, socket.socket]) -> None:
    wire, far = pair
    began = time.monotonic()
    wire.allow(began + 0.2, 1000)
    far.sendall(b"x")
    assert wire.recv(1) == b"x"
    with pytest.raises(TimeoutError):
        wire.recv(1)
    assert 0.1 < time.monotonic() - began < 2
    with pytest.raises(TimeoutError):
        wire.sendall(b"x")


def test_a_new_question_forgets_the_old_failure(pair: tuple[Wire, socket.socket]) -> None:
    wire, far = pair
    wire.allow(time.monotonic() - 1, 1000)
    with pytest.raises(TimeoutError):
        wire.recv(1)
    wire.allow(time.monotonic() + 10, 1000)
    far.sendall(b"x")
    assert wire.recv(1) == b"x"
    assert wire.failure is None


def test_a_send_that_fails_is_noted(pair: tuple[Wire, socket.socket]) -> None:
    wire, far = pair
    far.close()
    with pytest.raises(BrokenPipeError):
        wire.sendall(b"x")
    assert isinstance(wire.failure, BrokenPipeError)


def test_another_thread_can_end_the_waiting(pair: tuple[Wire, socket.socket]) -> None:
    wire, _ = pair
    timer = threading.Timer(0.05, wire.interrupt)
    timer.start()
    began = time.monotonic()
    assert wire.recv(1) == b""
    assert time.monotonic() - began < 5
    timer.join()
    with pytest.raises(ConnectionAbortedError):
        wire.sendall(b"x")


def test_interrupted_before_it_is_connected_it_never_works() -> None:
    wire = Wire()
    wire.interrupt()
    near, far = socket.socketpair()
    with near, far:
        wire.attach(near)
        wire.allow(time.monotonic() + 10, 1000)
        with pytest.raises(ConnectionAbortedError):
            wire.recv(1)


def test_without_a_socket_nothing_works() -> None:
    wire = Wire()
    wire.allow(time.monotonic() + 10, 1000)
    wire.shutdown(socket.SHUT_RDWR)
    wire.close()
    with pytest.raises(ConnectionAbortedError):
        wire.recv(1)


def test_tls_with_what_is_no_tls_fails_and_is_noted(pair: tuple[Wire, socket.socket]) -> None:
    wire, far = pair
    far.sendall(b"no TLS at all\r\n")
    with pytest.raises(ssl.SSLError):
        wire.encrypt("localhost", None)
    assert isinstance(wire.failure, ssl.SSLError)
    assert wire.encrypted is None


def test_an_authority_file_that_cannot_be_used_is_noted(
    pair: tuple[Wire, socket.socket], tmp_path: Path
) -> None:
    wire, _ = pair
    with pytest.raises(UnusableAuthoritiesError):
        wire.encrypt("localhost", tmp_path / "missing.pem")
    assert isinstance(wire.failure, UnusableAuthoritiesError)
