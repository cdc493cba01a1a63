"""The compose file brings up a proxy that lets people in with a second factor, and only with one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.container.compose import Compose
from tests.container.docker import Docker, DockerError
from tests.house.files import ROOT

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]

FILE = ROOT / "deploy" / "docker" / "compose.yml"
ALICE = "uid=alice,ou=people,dc=example,dc=com"
BOB = "uid=bob,ou=people,dc=example,dc=com"


@pytest.fixture(scope="module")
def compose(docker: Docker, image: str, simulator_image: str, directory_image: str) -> Iterator[Compose]:
    """All services, started in the order that `depends_on` names."""
    with Compose(docker, FILE) as compose:
        named = {service["image"] for service in compose.services.values()}
        assert named == {image, simulator_image, directory_image}
        compose.run("certificates")
        compose.up("directory")
        compose.up("duo")
        compose.up("ldapproxy")
        compose.wait_until_healthy("ldapproxy")
        yield compose


def whoami(compose: Compose, dn: str, password: str, *options: str) -> str:
    """ldapwhoami through the proxy, run in the directory's container, which has OpenLDAP's clients."""
    return compose.exec(
        "directory", "env", "LDAPTLS_CACERT=/certificates/client.pem",
        "ldapwhoami", "-x", "-D", dn, "-w", password, *options,
    )  # fmt: skip


VPN = ("-ZZ", "-H", "ldap://ldapproxy:1389")
WIKI = ("-H", "ldaps://ldapproxy:1636")


def control(compose: Compose, action: str, **values: object) -> None:
    """Tells the simulator what the phones do."""
    script = (
        "import sys, urllib.request as r\n"
        "r.urlopen(r.Request('http://127.0.0.1:8080/control/' + sys.argv[1], sys.argv[2].encode(),"
        " {'Content-Type': 'application/json'}), timeout=10)"
    )
    compose.exec("duo", "python3", "-c", script, action, json.dumps(values))


def test_the_certificates_service_ends_by_itself(docker: Docker, compose: Compose) -> None:
    state = docker.inspect(compose.container("certificates"))["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 0)


def test_the_proxy_is_locked_down(docker: Docker, compose: Compose) -> None:
    host = docker.inspect(compose.container("ldapproxy"))["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    status = compose.exec("ldapproxy", "cat", "/proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["10001"] * 4
    assert int(fields["CapEff"], 16) == 0
    assert fields["NoNewPrivs"] == "1"


def test_the_offline_store_has_a_volume_of_its_own(compose: Compose) -> None:
    assert compose.exec("ldapproxy", "stat", "-c", "%u:%g %a", "/var/lib/ldapproxy") == "10001:10001 700"
    compose.exec("ldapproxy", "touch", "/var/lib/ldapproxy/written")


@pytest.mark.parametrize("listener", [VPN, WIKI], ids=["StartTLS", "LDAPS"])
def test_an_approved_push_lets_in(compose: Compose, listener: tuple[str, ...]) -> None:
    control(compose, "automatic", answer="approve")
    assert whoami(compose, ALICE, "alice", *listener) == f"dn:{ALICE}"


def test_a_wrong_password_does_not(compose: Compose) -> None:
    control(compose, "automatic", answer="approve")
    with pytest.raises(DockerError, match=r"Invalid credentials \(49\)"):
        whoami(compose, ALICE, "bob", *WIKI)


def test_the_vpn_is_for_its_group(compose: Compose) -> None:
    control(compose, "automatic", answer="approve")
    with pytest.raises(DockerError, match=r"Invalid credentials \(49\)"):
        whoami(compose, BOB, "bob", *VPN)
    assert whoami(compose, BOB, "bob", *WIKI) == f"dn:{BOB}"


def test_the_audit_log_is_on_standard_output(compose: Compose) -> None:
    control(compose, "automatic", answer="approve")
    whoami(compose, ALICE, "alice", *WIKI)
    lines = [json.loads(line) for line in compose.log("ldapproxy").splitlines() if line.startswith("{")]
    binds = [line for line in lines if line.get("event") == "bind"]
    assert (binds[-1]["name"], binds[-1]["verdict"], binds[-1]["listener"]) == (ALICE, "accepted", "wiki")


def test_its_health_check_asks_for_real(compose: Compose) -> None:
    check = ("python3", "-I", "/opt/ldapproxy/healthcheck.py")
    assert compose.exec("ldapproxy", *check) == "http://127.0.0.1:9464/healthz answered 200"


def test_a_denied_push_keeps_out(compose: Compose) -> None:
    """Behind all other logins of bob: after a denial nobody may push him for a while."""
    control(compose, "automatic", answer="deny")
    with pytest.raises(DockerError, match=r"Invalid credentials \(49\)"):
        whoami(compose, BOB, "bob", *WIKI)


def test_sigterm_ends_it_with_0_within_the_bound(docker: Docker, compose: Compose) -> None:
    """The last test: it stops the service."""
    code, seconds = compose.stop("ldapproxy")
    assert (code, seconds < 10) == (0, True), compose.log("ldapproxy")
