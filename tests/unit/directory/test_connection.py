"""One connection to one server: TLS, bind, bounded answers, and servers that misbehave."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from ldapproxy.directory.connection import DirectoryConnection
from ldapproxy.directory.failures import (
    LARGEST_ANSWER,
    ConnectionLostError,
    RequestRefusedError,
    ServerFailedError,
)
from ldapproxy.directory.settings import LookupServer, LookupSettings
from tests.support.example_directory import ALICE, PEOPLE, SERVICE, SUFFIX, entry_uuid
from tests.support.ports import free_port
from tests.support.slapd import Slapd, SlapdCertificate, make_certificate
from tests.unit.directory.places import encrypted, plain, settings_for
from tests.unit.directory.scripted_server import (
    BIND_RESPONSE,
    EXTENDED_RESPONSE,
    SEARCH_RESULT_DONE,
    SEARCH_RESULT_ENTRY,
    SEARCH_RESULT_REFERENCE,
    SUCCESS,
    ScriptedServer,
    binds_then,
    message,
    result,
)

ANY = "(objectClass=*)"


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd"), anonymous_read=False, log_operations=True) as running:
        yield running


def opened(server: LookupServer, settings: LookupSettings) -> DirectoryConnection:
    connection = DirectoryConnection(server, settings)
    connection.open()
    return connection


def why_not(server: LookupServer, settings: LookupSettings) -> str:
    """Why the connection cannot be opened."""
    with pytest.raises(ServerFailedError) as failed:
        opened(server, settings)
    return str(failed.value)


# What works


def test_it_reads_an_entry_as_the_service_account(slapd: Slapd) -> None:
    connection = opened(plain(slapd), settings_for())
    (entry,) = connection.read(ALICE.dn, ANY, ("uid", "entryUUID"))
    connection.close()
    assert entry.dn == ALICE.dn.encode()
    assert entry.attributes == {"uid": (b"alice",), "entryUUID": (entry_uuid(ALICE.dn).encode(),)}
    assert f'BIND dn="{SERVICE.dn}" method=128' in slapd.log()


def test_it_reads_nothing_but_the_entry_itself(slapd: Slapd) -> None:
    connection = opened(plain(slapd), settings_for())
    assert [entry.dn for entry in connection.read(PEOPLE, ANY, ())] == [PEOPLE.encode()]
    connection.close()
    assert "scope=0 deref=0" in slapd.operations("SRCH")[-1]


def test_no_entry_is_nothing(slapd: Slapd) -> None:
    connection = opened(plain(slapd), settings_for())
    assert connection.read(f"uid=nobody,{PEOPLE}", ANY, ()) == ()
    assert connection.read("uid=x,dc=elsewhere", ANY, ()) == ()
    assert connection.read("no name", ANY, ()) == ()
    assert connection.read(ALICE.dn, "(uid=bob)", ()) == ()
    connection.close()


def test_no_schema_and_no_root_dse_is_read(slapd: Slapd) -> None:
    before = len(slapd.operations("SRCH"))
    connection = opened(plain(slapd), settings_for())
    connection.read(ALICE.dn, ANY, ())
    connection.close()
    assert len(slapd.operations("SRCH")) == before + 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tls_from_the_first_byte(slapd: Slapd, host: str) -> None:
    server = LookupServer(host, slapd.ldaps_port, ldaps=True)
    connection = opened(server, settings_for(ca_file=slapd.ca_file))
    assert connection.read(ALICE.dn, ANY, ())
    expires = connection.certificate_expires
    connection.close()
    assert expires is not None
    assert expires > datetime.now(UTC)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_start_tls(slapd: Slapd, host: str) -> None:
    server = LookupServer(host, slapd.port, ldaps=False)
    connection = opened(server, settings_for(ca_file=slapd.ca_file, start_tls=True))
    assert connection.read(ALICE.dn, ANY, ())
    assert connection.certificate_expires is not None
    connection.close()
    # Nothing before TLS: the bind is the second operation of its connection.
    last_bind = slapd.operations("BIND")[-1]
    assert " op=1 BIND" in last_bind


def test_without_tls_there_is_no_certificate(slapd: Slapd) -> None:
    connection = opened(plain(slapd), settings_for())
    assert connection.certificate_expires is None
    connection.close()


# Whom to trust


@pytest.mark.parametrize("start_tls", [False, True])
def test_an_authority_that_is_not_trusted(slapd: Slapd, tmp_path: Path, start_tls: bool) -> None:
    other = make_certificate(tmp_path, "127.0.0.1").ca_file
    server = plain(slapd) if start_tls else encrypted(slapd)
    for ca_file in (other, None):
        before = len(slapd.operations("BIND"))
        said = why_not(server, settings_for(ca_file=ca_file, start_tls=start_tls))
        assert said.startswith("its certificate does not verify: ")
        assert len(slapd.operations("BIND")) == before, "no password was sent"


@pytest.mark.parametrize("start_tls", [False, True])
@pytest.mark.parametrize("names", [("192.0.2.1",), ("other.example.com",)])
def test_a_certificate_of_another_host(tmp_path: Path, start_tls: bool, names: tuple[str, ...]) -> None:
    certificate = make_certificate(tmp_path, *names)
    with Slapd(tmp_path, certificate=certificate) as slapd:
        for host in ("127.0.0.1", "localhost"):
            port = slapd.port if start_tls else slapd.ldaps_port
            server = LookupServer(host, port, ldaps=not start_tls)
            said = why_not(server, settings_for(ca_file=certificate.ca_file, start_tls=start_tls))
            assert said.startswith("its certificate does not verify: ")
            assert "mismatch" in said


def test_a_certificate_that_names_its_host_in_the_subject_only(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert(common_name="localhost")
    ca_file, certificate_file, key_file = (tmp_path / name for name in ("ca.pem", "server.pem", "server.key"))
    authority.cert_pem.write_to_path(ca_file)
    issued.cert_chain_pems[0].write_to_path(certificate_file)
    issued.private_key_pem.write_to_path(key_file)
    with Slapd(tmp_path, certificate=SlapdCertificate(ca_file, certificate_file, key_file)) as slapd:
        server = LookupServer("localhost", slapd.ldaps_port, ldaps=True)
        said = why_not(server, settings_for(ca_file=ca_file))
    assert said.startswith("its certificate does not verify: Hostname mismatch")


def test_an_authority_file_that_cannot_be_used(slapd: Slapd, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    said = why_not(encrypted(slapd), settings_for(ca_file=missing))
    assert said == f"ca_file {missing} cannot be read: No such file or directory"
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    said = why_not(encrypted(slapd), settings_for(ca_file=empty))
    assert said == f"ca_file {empty} holds no certificate in PEM form"


def test_a_server_that_speaks_no_tls(slapd: Slapd) -> None:
    server = LookupServer("127.0.0.1", slapd.port, ldaps=True)
    assert why_not(server, settings_for(ca_file=slapd.ca_file)) in (
        "it closed the connection",
        "TLS failed: WRONG_VERSION_NUMBER",
        "TLS failed: RECORD_LAYER_FAILURE",
    )


# Whom it lets in


def test_a_wrong_password_is_said_without_the_password(slapd: Slapd) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        opened(plain(slapd), settings_for(password="canary-password"))
    assert str(refused.value) == f"it answered invalid_credentials (49) to the bind of {SERVICE.dn}"
    assert_shows_no_secret(refused.value, "canary-password")


def test_no_exception_holds_the_password(slapd: Slapd, tmp_path: Path) -> None:
    other = make_certificate(tmp_path, "127.0.0.1").ca_file
    with pytest.raises(ServerFailedError) as failed:
        opened(encrypted(slapd), settings_for(ca_file=other, password="canary-password"))
    assert_shows_no_secret(failed.value, "canary-password")


def assert_shows_no_secret(error: BaseException, secret: str) -> None:
    """Nothing that a traceback prints of this exception, or of those behind it, holds the secret."""
    shown: BaseException | None = error
    while shown is not None:
        assert secret not in repr(shown)
        assert secret not in str(shown)
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)


# Servers that are not there, or hang


def test_a_refused_connection() -> None:
    server = LookupServer("127.0.0.1", free_port(), ldaps=False)
    assert why_not(server, settings_for()) == "the connection was refused"


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 64])
def test_a_name_that_does_not_resolve(host: str) -> None:
    assert why_not(LookupServer(host, 389, ldaps=False), settings_for()) == "its name does not resolve"


@pytest.mark.parametrize("kind", ["plain", "start_tls", "ldaps"])
def test_a_server_that_hangs_is_given_up_in_time(tmp_path: Path, kind: str) -> None:
    with Slapd(tmp_path) as slapd:
        server = encrypted(slapd) if kind == "ldaps" else plain(slapd)
        settings = settings_for(start_tls=kind == "start_tls", ca_file=slapd.ca_file, timeout=0.3)
        slapd.suspend()
        began = time.monotonic()
        assert why_not(server, settings) == "it did not answer in time"
        assert 0.2 < time.monotonic() - began < 2


def test_a_server_that_hangs_behind_the_bind_is_given_up_in_time(tmp_path: Path) -> None:
    with Slapd(tmp_path) as slapd:
        connection = opened(plain(slapd), settings_for(timeout=1))
        slapd.suspend()
        with contextlib.closing(connection), pytest.raises(ServerFailedError, match="did not answer in time"):
            connection.read(ALICE.dn, ANY, ())


@pytest.mark.parametrize("end", [Slapd.stop, Slapd.kill])
def test_a_server_that_ends_is_a_lost_connection(tmp_path: Path, end: Callable[[Slapd], None]) -> None:
    with Slapd(tmp_path) as slapd:
        connection = opened(plain(slapd), settings_for())
        end(slapd)
        with pytest.raises(ConnectionLostError):
            connection.read(ALICE.dn, ANY, ())
        with pytest.raises(ConnectionLostError):
            connection.read(ALICE.dn, ANY, ())


# Servers that misbehave


def answer_to_a_search(on_search: Callable[[bytes, socket.socket], None], timeout: float = 5.0) -> object:
    """What reading an entry gives, or the error that it raises."""
    with ScriptedServer(binds_then(on_search)) as server:
        connection = opened(server.server, settings_for(timeout=timeout))
        try:
            return connection.read("uid=a", ANY, ())
        except (ServerFailedError, RequestRefusedError) as error:
            return error
        finally:
            connection.close()


def entry_named(message_id: bytes, dn: bytes) -> bytes:
    return message(message_id, SEARCH_RESULT_ENTRY, b"\x04" + bytes([len(dn)]) + dn + b"\x30\x00")


def test_a_scripted_server_that_behaves_is_understood() -> None:
    def behave(message_id: bytes, connection: socket.socket) -> None:
        connection.sendall(
            entry_named(message_id, b"uid=a") + message(message_id, SEARCH_RESULT_DONE, SUCCESS)
        )

    found = answer_to_a_search(behave)
    assert isinstance(found, tuple)
    assert [entry.dn for entry in found] == [b"uid=a"]


def test_references_are_neither_followed_nor_counted() -> None:
    def refer(message_id: bytes, connection: socket.socket) -> None:
        url = b"ldap://127.0.0.1:1/"
        reference = message(message_id, SEARCH_RESULT_REFERENCE, b"\x04" + bytes([len(url)]) + url)
        connection.sendall(reference + message(message_id, SEARCH_RESULT_DONE, SUCCESS))

    assert answer_to_a_search(refer) == ()


def test_a_referral_is_not_followed() -> None:
    """ldap3's default would bind there with the service account's password."""

    def script(message_id: bytes, connection: socket.socket) -> None:
        url = f"ldap://127.0.0.1:{elsewhere.server.port}/".encode()
        referral = b"\xa3" + bytes([len(url) + 2]) + b"\x04" + bytes([len(url)]) + url
        connection.sendall(
            message(message_id, SEARCH_RESULT_DONE, b"\x0a\x01\x0a\x04\x00\x04\x00" + referral)
        )

    with ScriptedServer(binds_then(lambda *_: None)) as elsewhere:
        refused = answer_to_a_search(script)
        assert isinstance(refused, RequestRefusedError)
        assert str(refused) == "it answered referral (10) to a search"
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (51, ServerFailedError, "busy (51)"),
        (52, ServerFailedError, "unavailable (52)"),
        (3, ServerFailedError, "time_limit_exceeded (3)"),
        (50, RequestRefusedError, "insufficient_access_rights (50)"),
        (53, RequestRefusedError, "unwilling_to_perform (53)"),
        (4096, RequestRefusedError, "result code 4096"),
    ],
)
def test_a_result_code_tells_trouble_from_refusal(code: int, kind: type[Exception], said: str) -> None:
    outcome = answer_to_a_search(
        lambda message_id, connection: connection.sendall(result(message_id, SEARCH_RESULT_DONE, code))
    )
    assert type(outcome) is kind
    assert str(outcome) == f"it answered {said} to a search"


def test_a_bind_that_is_answered_with_trouble() -> None:
    def busy(message_id: bytes, _: int, connection: socket.socket) -> None:
        connection.sendall(result(message_id, BIND_RESPONSE, 51))

    with ScriptedServer(busy) as server:
        assert why_not(server.server, settings_for()) == f"it answered busy (51) to the bind of {SERVICE.dn}"


@pytest.mark.parametrize(
    "nonsense",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x30\x80\x02\x01\x01\x00\x00",
        b"\x30\x05\x02\x01\x01\x65\x00",
        b"\x30\x00",
        b"\x00\x00\x00",
        b"\x30\x03\x02\x01\x01",
    ],
)
def test_an_answer_that_is_no_ldap_is_a_failed_server(nonsense: bytes) -> None:
    outcome = answer_to_a_search(lambda _, connection: connection.sendall(nonsense), timeout=0.5)
    assert isinstance(outcome, ServerFailedError)


def test_an_answer_to_another_question_is_a_failed_server() -> None:
    def other(_: bytes, connection: socket.socket) -> None:
        connection.sendall(message(b"\x02\x02\x7f\xff", SEARCH_RESULT_DONE, SUCCESS))

    assert isinstance(answer_to_a_search(other), ServerFailedError)


def test_an_endless_answer_is_cut_off() -> None:
    def endless(message_id: bytes, connection: socket.socket) -> None:
        entry = entry_named(message_id, b"uid=a") * 1000
        while True:
            connection.sendall(entry)

    outcome = answer_to_a_search(endless)
    assert isinstance(outcome, ServerFailedError)
    assert str(outcome) == f"its answer is larger than {LARGEST_ANSWER} octets"


def test_a_message_that_claims_to_be_huge_is_cut_off() -> None:
    def huge(_: bytes, connection: socket.socket) -> None:
        connection.sendall(b"\x30\x84\x7f\xff\xff\xff")
        while True:
            connection.sendall(b"\x00" * 65_536)

    outcome = answer_to_a_search(huge)
    assert str(outcome) == f"its answer is larger than {LARGEST_ANSWER} octets"


def test_an_answer_that_trickles_has_one_deadline() -> None:
    """A time-out for each piece, as ldap3 has it, would never end here."""

    def trickle(_: bytes, connection: socket.socket) -> None:
        while True:
            connection.sendall(b"\x30")
            time.sleep(0.05)

    began = time.monotonic()
    outcome = answer_to_a_search(trickle, timeout=0.4)
    assert str(outcome) == "it did not answer in time"
    assert time.monotonic() - began < 3


def test_a_server_that_refuses_start_tls_gets_no_password() -> None:
    def refuse(message_id: bytes, _: int, connection: socket.socket) -> None:
        connection.sendall(result(message_id, EXTENDED_RESPONSE, 2))

    with ScriptedServer(refuse) as server:
        assert why_not(server.server, settings_for(start_tls=True)) == "it does not start TLS"
        assert len(server.requests) == 1


def test_clear_text_behind_the_answer_to_start_tls_is_never_taken_for_an_answer(tmp_path: Path) -> None:
    """As in CVE-2011-0411: an answer to the bind, put there before TLS."""

    def inject(message_id: bytes, _: int, connection: socket.socket) -> None:
        number = int.from_bytes(message_id[2:], "big") + 1
        next_id = b"\x02" + bytes([len(message_id) - 2]) + number.to_bytes(len(message_id) - 2, "big")
        connection.sendall(result(message_id, EXTENDED_RESPONSE, 0) + result(next_id, BIND_RESPONSE, 0))

    ca_file = make_certificate(tmp_path, "127.0.0.1").ca_file
    with ScriptedServer(inject) as server:
        why_not(server.server, settings_for(start_tls=True, ca_file=ca_file, timeout=1))
        assert len(server.requests) == 1, "nothing was sent behind it"


def test_interrupting_ends_the_waiting(tmp_path: Path) -> None:
    def interrupt(_: bytes, __: socket.socket) -> None:
        connection.interrupt()

    with ScriptedServer(binds_then(interrupt)) as server:
        connection = opened(server.server, settings_for(timeout=30))
        began = time.monotonic()
        with pytest.raises(ServerFailedError):
            connection.read("uid=a", ANY, ())
        assert time.monotonic() - began < 5


def test_importing_it_with_warnings_as_errors_works() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import ldapproxy.directory.connection"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_suffix_is_readable_by_the_service_account_alone(slapd: Slapd) -> None:
    """What the other tests rely on: without the bind there would be nothing to read."""
    seen = subprocess.run(
        ["ldapsearch", "-LLL", "-x", "-H", slapd.url, "-b", SUFFIX, "-s", "base"],
        capture_output=True,
        check=False,
    )
    assert seen.stdout == b""
