"""The simulator's port: closed, mute, resetting, and with other certificates."""

from __future__ import annotations

import socket
import ssl

import pytest

from tests.support.certificates import Authority
from tests.support.simulator import SimulatorProcess


def certificate_of(duo: SimulatorProcess) -> bytes:
    """Makes a TLS connection that verifies, and returns the certificate."""
    context = ssl.create_default_context(cafile=str(duo.ca_file))
    with (
        socket.create_connection(("127.0.0.1", duo.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        found = secured.getpeercert(binary_form=True)
        assert found is not None
        return found


def test_off_refuses_connections_and_keeps_the_port(duo: SimulatorProcess) -> None:
    duo.power("off")
    with pytest.raises(ConnectionRefusedError):
        certificate_of(duo)
    with socket.socket() as thief, pytest.raises(OSError, match="in use"):
        thief.bind(("127.0.0.1", duo.port))
    duo.power("on")
    assert certificate_of(duo)


def test_off_cuts_open_connections(duo: SimulatorProcess) -> None:
    context = ssl.create_default_context(cafile=str(duo.ca_file))
    with (
        socket.create_connection(("127.0.0.1", duo.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        # An answer first: then the server has seen the connection.
        secured.sendall(b"GET /auth/v2/ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert secured.recv(1) == b"H"
        duo.power("off")
        rest = b"."
        while rest:
            try:
                rest = secured.recv(4096)
            except (ConnectionResetError, ssl.SSLEOFError):
                break


def test_silent_lets_the_tls_handshake_hang(duo: SimulatorProcess) -> None:
    duo.power("silent")
    context = ssl.create_default_context(cafile=str(duo.ca_file))
    with socket.create_connection(("127.0.0.1", duo.port), timeout=0.3) as plain, pytest.raises(TimeoutError):
        context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_reset_resets_at_once(duo: SimulatorProcess) -> None:
    duo.power("reset")
    # The reset may be there before the connection is ours.
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection(("127.0.0.1", duo.port), timeout=10) as plain,
    ):
        plain.recv(1)


def test_the_certificate_can_be_exchanged_while_it_serves(duo: SimulatorProcess) -> None:
    for bad, complaint in (
        (duo.authority.expired(), "expired"),
        (duo.authority.wrong_host(), "mismatch|not valid for"),
    ):
        duo.present(bad)
        with pytest.raises(ssl.SSLCertVerificationError, match=complaint):
            certificate_of(duo)
    duo.present_good_certificate()
    assert certificate_of(duo)


def test_another_type_of_key_takes_the_place_of_the_first(duo: SimulatorProcess) -> None:
    """RSA and ECDSA stand side by side in one context, and OpenSSL would choose between them."""
    for rsa in (True, False, True):
        certificate = duo.authority.server(rsa=rsa)
        duo.present(certificate)
        pem = certificate.certificate_file.read_text().partition("-----END")[0]
        assert certificate_of(duo) == ssl.PEM_cert_to_DER_cert(f"{pem}-----END CERTIFICATE-----\n")
    duo.present_good_certificate()


def test_a_certificate_that_is_presented_later_is_there_when_the_port_opens(duo: SimulatorProcess) -> None:
    duo.power("off")
    duo.present(duo.authority.expired())
    duo.power("on")
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        certificate_of(duo)
    duo.present_good_certificate()


def test_a_stranger_s_certificate_does_not_verify(
    duo: SimulatorProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    duo.present(Authority(tmp_path_factory.mktemp("stranger")).server())
    with pytest.raises(ssl.SSLCertVerificationError, match=r"unable to get local issuer|self-signed"):
        certificate_of(duo)
    duo.present_good_certificate()
