"""Which server is asked first."""

from __future__ import annotations

from ldapproxy.directory.servers import RETRY_AFTER, Servers
from ldapproxy.directory.settings import LookupServer

A, B, C = (LookupServer(host, 389, ldaps=False) for host in "abc")


def test_servers_are_asked_in_the_order_of_the_configuration() -> None:
    assert Servers((A, B, C)).in_order(now=0) == (A, B, C)


def test_a_server_that_failed_is_asked_last() -> None:
    servers = Servers((A, B, C))
    servers.failed(A, now=0)
    assert servers.in_order(now=1) == (B, C, A)
    servers.failed(B, now=1)
    assert servers.in_order(now=2) == (C, A, B)


def test_a_server_that_answers_again_is_back_in_its_place() -> None:
    servers = Servers((A, B))
    servers.failed(A, now=0)
    servers.answered(A)
    assert servers.in_order(now=1) == (A, B)


def test_after_a_while_one_caller_tries_it_first_and_the_others_do_not() -> None:
    servers = Servers((A, B))
    servers.failed(A, now=0)
    assert servers.in_order(now=RETRY_AFTER - 0.1) == (B, A)
    assert servers.in_order(now=RETRY_AFTER) == (A, B)
    assert servers.in_order(now=RETRY_AFTER) == (B, A)
    assert servers.in_order(now=2 * RETRY_AFTER) == (A, B)


def test_when_all_are_down_all_are_still_asked() -> None:
    servers = Servers((A, B))
    servers.failed(B, now=0)
    servers.failed(A, now=0)
    assert servers.in_order(now=1) == (A, B)
