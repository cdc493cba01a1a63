"""Contexts for both sides: which certificates a directory may show, and how a listener's are renewed."""

from __future__ import annotations

import errno
import logging
import shutil
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ldapproxy.net.servers import Directory, DirectoryUnavailable
from ldapproxy.net.settings import ServerTls, TlsVersion, UpstreamServer
from ldapproxy.net.tls import ServerContext, TlsError, client_options
from tests.support.certificates import Authority, ServerCertificate
from tests.support.ldap_bytes import root_dse, start_tls
from tests.support.reactor import OnReactor
from tests.unit.net.neighbours import Recorder
from tests.unit.net.scripted_directory import ScriptedDirectory, entry
from tests.unit.net.usual_settings import server_tls, upstream_settings
from tests.unit.net.wire import client_context
from tests.unit.net.world import REACTOR, World

# What a directory has to prove.


def connect(
    on_reactor: OnReactor, certificate: ServerCertificate, ca_file: Path, host: str = "127.0.0.1"
) -> str:
    """Connects to a directory with this certificate; returns why it could not, or nothing."""

    async def scenario() -> str:
        async with ScriptedDirectory(certificate) as server:
            settings = upstream_settings(
                ca_file=ca_file, servers=(UpstreamServer(host, server.port, ldaps=True),)
            )
            directory = Directory(settings, REACTOR, Recorder())
            try:
                connection = await directory.connect()
            except DirectoryUnavailable as error:
                assert not directory.is_reachable
                return str(error)
            assert directory.is_reachable
            peer = await server.accept()
            connection.write(root_dse(1))
            assert (await peer.receive()).raw == root_dse(1)
            connection.abort("the end")
            return ""

    return on_reactor(scenario())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_directory_that_proves_who_it_is(on_reactor: OnReactor, authority: Authority, host: str) -> None:
    assert connect(on_reactor, authority.server(), authority.ca_file, host) == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_another_host(on_reactor: OnReactor, authority: Authority, host: str) -> None:
    why = connect(on_reactor, authority.wrong_host(), authority.ca_file, host)
    assert "does not name the host" in why


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_that_names_no_host_at_all(
    on_reactor: OnReactor, authority: Authority, host: str
) -> None:
    """Twisted alone would let it pass: any certificate of the company's could be the directory's."""
    why = connect(on_reactor, authority.nameless(), authority.ca_file, host)
    assert "does not name the host" in why


def test_an_expired_certificate(on_reactor: OnReactor, authority: Authority) -> None:
    assert "not valid now" in connect(on_reactor, authority.expired(), authority.ca_file)


def test_another_authority(on_reactor: OnReactor, authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    assert "trusted authority" in connect(on_reactor, stranger.server(), authority.ca_file)


def test_the_system_does_not_trust_a_private_authority(on_reactor: OnReactor, authority: Authority) -> None:
    async def scenario() -> None:
        async with ScriptedDirectory(authority.server()) as server:
            directory = Directory(upstream_settings(server.port, ldaps=True), REACTOR, Recorder())
            with pytest.raises(DirectoryUnavailable, match="trusted authority"):
                await directory.connect()

    on_reactor(scenario())


def test_several_authorities_in_one_file(on_reactor: OnReactor, authority: Authority, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    other = Authority(tmp_path / "other")
    bundle.write_bytes(b"a comment\n" + other.ca_file.read_bytes() + authority.ca_file.read_bytes())
    assert connect(on_reactor, authority.server(), bundle) == ""


@pytest.mark.parametrize(
    "content", [b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_of_authorities_that_holds_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(TlsError, match=r"cannot use .*ca\.pem"):
        client_options("127.0.0.1", tmp_path / "ca.pem")


def test_a_missing_file_of_authorities(tmp_path: Path) -> None:
    with pytest.raises(TlsError, match=r"cannot use .*absent\.pem"):
        client_options("127.0.0.1", tmp_path / "absent.pem")


def test_a_host_that_no_certificate_can_name(authority: Authority) -> None:
    with pytest.raises(TlsError, match="no certificate can name"):
        client_options("dc1 example", authority.ca_file)


# A listener's certificate.


class Files:
    """Certificate and key of a listener, to be renewed and broken."""

    def __init__(self, folder: Path, good: ServerCertificate) -> None:
        self.certificate = folder / "listener.pem"
        self.key = folder / "listener.key"
        self._changes = 0
        self.install(good.certificate_file, self.certificate)
        self.install(good.private_key_file, self.key)
        self.settings = ServerTls(self.certificate, self.key, TlsVersion.V1_2)

    def install(self, source: Path, target: Path) -> None:
        """Puts a file there as renewal tools do: in one step, with another inode."""
        shutil.copy(source, target.with_suffix(".new"))
        target.with_suffix(".new").replace(target)

    def renew(self, new: ServerCertificate) -> None:
        """Both files."""
        self.install(new.certificate_file, self.certificate)
        self.install(new.private_key_file, self.key)


def der(certificate: ServerCertificate) -> bytes:
    """What a client is shown."""
    loaded = x509.load_pem_x509_certificate(certificate.certificate_file.read_bytes())
    return loaded.public_bytes(serialization.Encoding.DER)


def test_renewal_without_a_restart(
    on_reactor: OnReactor, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = authority.server(), authority.server()
    files = Files(tmp_path, first)
    shown_first, shown_second = der(first), der(second)

    async def scenario() -> None:
        async with World(ldaps=True, tls=files.settings) as world:

            async def presented() -> bytes:
                client = await world.client(authority.ca_file)
                shown: bytes = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
                await client.close()
                return shown

            assert await presented() == shown_first
            files.renew(second)
            assert await presented() == shown_second

            # Half of a renewal: the certificate of one, the key of the other.
            files.install(first.certificate_file, files.certificate)
            assert await presented() == shown_second, "the last good one stays in use"
            assert (
                "certificate not reloaded, the last good one stays in use: cannot use "
                f'{files.certificate} with {files.key}: OpenSSL says "key values mismatch"\n' in caplog.text
            )
            files.install(first.private_key_file, files.key)
            assert await presented() == shown_first, "the other half has come"

            files.certificate.write_text("rubbish")
            assert await presented() == shown_first
            files.certificate.unlink()
            assert await presented() == shown_first
            files.renew(second)
            assert await presented() == shown_second

    with caplog.at_level(logging.INFO, "ldapproxy"):
        on_reactor(scenario())
    assert caplog.text.count("certificate reloaded from") == 3


def test_a_renewal_that_cannot_be_read_at_once_is_not_missed(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Descriptors have run out, say: nothing about the files changes when there are some again."""
    files = Files(tmp_path, authority.server())
    context = ServerContext(files.settings)
    before = context._context

    def out_of_descriptors(path: Path) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files", str(path))

    files.renew(authority.server())
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", out_of_descriptors)
        for _ in range(3):
            context._reload_if_changed()
        assert context._context is before
    assert caplog.text.count("certificate not reloaded") == 1
    assert "Too many open files" in caplog.text
    context._reload_if_changed()
    assert context._context is not before
    after = context._context
    context._reload_if_changed()
    assert context._context is after


def test_a_change_of_who_may_read_a_file_is_a_change(authority: Authority, tmp_path: Path) -> None:
    """Renewed with the wrong owner, and mended: its contents are those that could not be read before."""
    files = Files(tmp_path, authority.server())
    context = ServerContext(files.settings)
    before = context._read_stamp()
    files.key.chmod(0o640)
    assert context._read_stamp() != before


def test_start_tls_presents_the_renewed_certificate_too(
    on_reactor: OnReactor, authority: Authority, tmp_path: Path
) -> None:
    files = Files(tmp_path, authority.expired())

    async def scenario() -> None:
        async with World(tls=files.settings) as world:
            files.renew(authority.server())
            client = await world.client()
            await client.send(start_tls(1))
            assert (await client.receive()).result_code == 0
            await client.start_tls(client_context(authority.ca_file), "127.0.0.1")
            await client.send(root_dse(2))
            peer = await world.directory.accept()
            assert (await peer.receive()).raw == root_dse(2)
            await peer.send(entry(2))
            assert (await client.receive()).raw == entry(2)

    on_reactor(scenario())


@pytest.mark.parametrize(
    ("oldest", "spoken", "accepted"),
    [
        (TlsVersion.V1_2, ssl.TLSVersion.TLSv1_2, True),
        (TlsVersion.V1_2, ssl.TLSVersion.TLSv1_3, True),
        (TlsVersion.V1_3, ssl.TLSVersion.TLSv1_3, True),
        (TlsVersion.V1_3, ssl.TLSVersion.TLSv1_2, False),
    ],
)
def test_the_oldest_version(
    on_reactor: OnReactor, authority: Authority, oldest: TlsVersion, spoken: ssl.TLSVersion, accepted: bool
) -> None:
    async def scenario() -> None:
        async with World(ldaps=True, tls=server_tls(authority.server(), oldest)) as world:
            context = client_context(authority.ca_file)
            context.minimum_version = context.maximum_version = spoken
            if accepted:
                await world.client(context=context)
            else:
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    await world.client(context=context)

    on_reactor(scenario())


def spoilt(folder: Path, good: ServerCertificate, what: str) -> ServerTls:
    """A listener's files with something wrong with them."""
    certificate, key = folder / "listener.pem", folder / "listener.key"
    shutil.copy(good.certificate_file, certificate)
    shutil.copy(good.private_key_file, key)
    match what:
        case "no certificate":
            certificate.unlink()
        case "no key":
            key.unlink()
        case "an empty certificate":
            certificate.write_text("")
        case "a key that is none":
            key.write_text("rubbish")
        case "an encrypted key":
            loaded = serialization.load_pem_private_key(key.read_bytes(), None)
            key.write_bytes(
                loaded.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.BestAvailableEncryption(b"a passphrase"),
                )
            )
        case "another key":
            shutil.copy(Authority(folder / "other").server().private_key_file, key)
    return ServerTls(certificate, key, TlsVersion.V1_2)


@pytest.mark.parametrize(
    "what",
    [
        "no certificate",
        "no key",
        "an empty certificate",
        "a key that is none",
        "an encrypted key",
        "another key",
    ],
)
def test_files_that_cannot_be_used(authority: Authority, tmp_path: Path, what: str) -> None:
    with pytest.raises(TlsError, match=r"cannot use .*listener\.pem with .*listener\.key: ") as refused:
        ServerContext(spoilt(tmp_path, authority.server(), what))
    assert "PRIVATE" not in str(refused.value)
    assert "Error" not in str(refused.value), "the name of a class says nothing to people"
