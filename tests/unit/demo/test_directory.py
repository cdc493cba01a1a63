"""The embedded directory, asked by OpenLDAP's own clients."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import ldap3
import pytest

from ldapproxy.config.load import load
from ldapproxy.demo.people import BASE_DN, EXEMPT_GROUP_DN, SERVICE_ACCOUNT_DN, SERVICE_ACCOUNT_PASSWORD
from ldapproxy.demo.scene import SceneOptions
from tests.support.skips import require_program
from tests.unit.demo.scene_process import running_scene

ALICE = f"uid=alice,ou=people,{BASE_DN}"
AS_ALICE = ("-D", ALICE, "-w", "wonderland")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_scene(SceneOptions(page_port=0)) as scene:
        (directory,) = load(scene.configuration_file, {}).directories
        (server,) = directory.lookup.servers
        yield f"ldap://{server.host}:{server.port}"


def client(program: str, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs one of the OpenLDAP clients."""
    return subprocess.run(
        [require_program(program), "-x", "-H", url, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


def search(url: str, *arguments: str) -> list[str]:
    """The lines of a search by alice."""
    result = client("ldapsearch", url, *AS_ALICE, "-LLL", *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


@pytest.mark.parametrize(
    "name", [ALICE, "UID=Alice, OU=People,dc=EXAMPLE,dc=com", ALICE.replace("a", "\\61")]
)
def test_a_right_password_binds_however_the_name_is_written(url: str, name: str) -> None:
    result = client("ldapwhoami", url, "-D", name, "-w", "wonderland")
    assert (result.returncode, result.stdout) == (0, f"dn:{ALICE}\n")


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        (ALICE, "wrong", 49),
        (f"uid=nobody,ou=people,{BASE_DN}", "wonderland", 49),
        (f"cn=staff,ou=groups,{BASE_DN}", "wonderland", 49),
        ("not a name", "wonderland", 49),
        (ALICE, "", 53),
    ],
)
def test_any_other_bind_fails(url: str, name: str, password: str, code: int) -> None:
    assert client("ldapwhoami", url, "-D", name, "-w", password).returncode == code


def test_an_anonymous_client_sees_the_root_dse_only(url: str) -> None:
    root = client("ldapsearch", url, "-LLL", "-s", "base", "-b", "")
    assert f"namingContexts: {BASE_DN}" in root.stdout
    assert client("ldapwhoami", url).stdout == "anonymous\n"
    assert client("ldapsearch", url, "-LLL", "-b", BASE_DN).returncode == 50
    assert client("ldapcompare", url, ALICE, "uid:alice").returncode == 50


def test_a_failed_bind_leaves_the_connection_anonymous(url: str) -> None:
    connection = ldap3.Connection(url, ALICE, "wonderland", client_strategy=ldap3.SAFE_SYNC)
    connection.bind()
    status, *_ = connection.search(ALICE, "(objectClass=*)", ldap3.BASE)
    assert status
    connection.rebind(ALICE, "wrong", read_server_info=False)
    _, result, *_ = connection.search(ALICE, "(objectClass=*)", ldap3.BASE)
    assert result["result"] == 50
    connection.unbind()


def test_the_service_account_finds_people_by_every_key_that_the_proxy_uses(url: str) -> None:
    service = ("-D", SERVICE_ACCOUNT_DN, "-w", SERVICE_ACCOUNT_PASSWORD)
    entry = client(
        "ldapsearch", url, *service, "-LLL", "-s", "base", "-b", ALICE, "(objectClass=*)", "uid", "entryUUID"
    )
    lines = entry.stdout.split()
    assert lines[:2] == ["dn:", ALICE]
    identity = lines[lines.index("entryUUID:") + 1]
    assert search(url, "-b", BASE_DN, f"(entryUUID={identity.upper()})", "1.1") == [f"dn: {ALICE}", ""]
    assert search(url, "-b", BASE_DN, "(&(objectClass=person)(uid=ALICE))", "mail") == [
        f"dn: {ALICE}",
        "mail: alice@example.com",
        "",
    ]


def test_groups_know_their_members(url: str) -> None:
    grace = f"uid=grace,ou=people,{BASE_DN}"
    found = search(url, "-b", BASE_DN, f"(&(objectClass=groupOfNames)(member={grace}))", "1.1")
    assert f"dn: {EXEMPT_GROUP_DN}" in found
    assert search(url, "-s", "base", "-b", EXEMPT_GROUP_DN, f"(member={ALICE})", "1.1") == []
    assert client("ldapcompare", url, *AS_ALICE, EXEMPT_GROUP_DN, f"member:{grace}").returncode == 6
    assert client("ldapcompare", url, *AS_ALICE, EXEMPT_GROUP_DN, f"member:{ALICE}").returncode == 5


@pytest.mark.parametrize("pattern", ["A*", "*ams", "A*d*s", "*lice*"])
def test_substrings_match(url: str, pattern: str) -> None:
    assert f"dn: {ALICE}" in search(url, "-b", BASE_DN, f"(cn={pattern})", "1.1")


def test_passwords_can_be_neither_read_nor_compared(url: str) -> None:
    assert not any("userPassword" in line for line in search(url, "-b", BASE_DN, "(objectClass=*)", "*", "+"))
    assert search(url, "-b", BASE_DN, "(userPassword=wonderland)", "1.1") == []
    assert client("ldapcompare", url, *AS_ALICE, ALICE, "userPassword:wonderland").returncode == 5


def test_nothing_can_be_written(url: str) -> None:
    assert client("ldapdelete", url, *AS_ALICE, ALICE).returncode == 53
    assert "Protocol error (2)" in client("ldappasswd", url, *AS_ALICE, "-s", "new").stdout
    assert client("ldapmodrdn", url, *AS_ALICE, ALICE, "uid=alicia").returncode == 53
    assert client("ldapwhoami", url, *AS_ALICE).returncode == 0
