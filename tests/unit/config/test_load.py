"""The whole file: the examples of conf/, what holds between sections, and the golden list of mistakes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.config.load import load
from ldapproxy.config.problems import ConfigurationError
from ldapproxy.secret import Secret
from tests.support.certificates import Authority
from tests.unit.config.sample import Sample

KEYS = """
urls start_tls ca_file connect_timeout response_timeout lookup_cache base_dn username_attribute
upn_attribute search_filter username_search service_account api_host integration_key secret_key_file
http_proxy ping_interval url tls certificate_file private_key_file minimum_version directory duo
fail_mode factors delimiter bind_timeout anonymous allow_password_compare username username_rewrite
answer_before exempt require_group networks extended_operations single_flight late_approval remember
push_limits shared_accounts search_after_bind client_is_user password_attributes limits connections
connections_per_client pending_binds outstanding buffered buffered_total message_size idle_timeout
handshake_timeout failed_binds offline store encryption_key_file max_logins max_age portal
listener admin log level audit
"""
CONF = Path(__file__).parents[3] / "conf"
GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", ["minimal.yml", "full.yml"])
def test_the_examples_load(sample: Sample, name: str) -> None:
    text = (CONF / name).read_text()
    sample.add_offline()
    for mounted, file in {
        "/run/secrets/directory": "directory-password",
        "/run/secrets/duo": "duo-key",
        "/run/secrets/offline": "offline-keys",
    }.items():
        text = text.replace(mounted, str(sample.folder / file))
    sample.copy(sample.authority.ca_file, "corp-ca.pem")
    sample.write(name, text.encode())
    configuration = load(sample.folder / name, {})
    assert configuration.warnings == ()
    assert configuration.duo[0].secret_key == Secret((sample.folder / "duo-key").read_text().strip())


def test_the_full_example_shows_the_defaults(sample: Sample) -> None:
    """Only what the example says to be examples may differ from leaving it all out."""
    full = yaml.safe_load((CONF / "full.yml").read_text())
    minimal = yaml.safe_load((CONF / "minimal.yml").read_text())
    sample.copy(sample.authority.ca_file, "corp-ca.pem")
    sample.add_offline()
    minimal["listeners"]["console"] = full["listeners"]["console"]
    minimal["offline"] = {}
    minimal["portal"] = {
        "url": "https://0.0.0.0:8443",
        "tls": {"certificate_file": "vpn.pem", "private_key_file": "vpn.key"},
        "listener": "vpn",
    }
    for document in (full, minimal):
        document["offline"]["encryption_key_file"] = "offline-keys"
        document["directories"]["corp"]["service_account"]["password_file"] = "directory-password"
        document["duo"]["prod"]["secret_key_file"] = "duo-key"
        document["listeners"]["vpn"]["url"] = "ldap://0.0.0.0:389"
        document["directories"]["corp"]["urls"] = ["ldaps://dc1.example.com"]
        document["directories"]["corp"]["ca_file"] = "corp-ca.pem"
        document.setdefault("admin", {"url": "http://127.0.0.1:9464"})
    del full["listeners"]["vpn"]["exempt"]
    del full["listeners"]["vpn"]["shared_accounts"]
    sample.document = full
    of_full = sample.load()
    sample.document = minimal
    assert sample.load() == of_full


def test_every_key_of_the_examples_has_a_comment_or_stands_for_itself() -> None:
    """A key of the design that the full example forgets is found here."""
    text = (CONF / "full.yml").read_text()
    keys = KEYS.split()
    assert [key for key in keys if f"{key}:" not in text] == []


def test_the_golden_list_of_mistakes(tmp_path: Path, authority: Authority) -> None:
    shutil.copy(GOLDEN / "mistakes.yml", tmp_path)
    one, other = authority.server(), authority.server()
    shutil.copy(one.certificate_file, tmp_path / "vpn.pem")
    shutil.copy(other.private_key_file, tmp_path / "other.key")
    (tmp_path / "directory-password").write_text("swordfish")
    found = check_config("mistakes.yml", tmp_path)
    assert found.returncode == 2
    assert found.stdout == ""
    expected = (GOLDEN / "mistakes.txt").read_text()
    assert found.stderr.replace(str(tmp_path), "FOLDER") == expected
    assert len(expected.splitlines()) >= 70
    assert "swordfish" not in found.stderr


def test_a_good_file_ends_with_0(sample: Sample) -> None:
    sample.load()
    found = check_config(str(sample.path), sample.folder)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("Listener vpn: ldap://127.0.0.1:389\n")


def check_config(file: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ldapproxy", "check-config", "-c", file],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(CONF.parent)},
    )


def test_the_parts_come_in_the_order_of_the_file(sample: Sample) -> None:
    sample.document["directories"]["lab"] = dict(sample.directory, base_dn="dc=lab")
    sample.document["duo"]["a"] = dict(sample.duo)
    sample.document["listeners"]["b"] = dict(
        sample.listener, url="ldap://127.0.0.1:390", directory="lab", duo="a"
    )
    configuration = sample.load()
    assert [directory.name for directory in configuration.directories] == ["corp", "lab"]
    assert [duo.name for duo in configuration.duo] == ["prod", "a"]
    assert [listener.name for listener in configuration.listeners] == ["vpn", "b"]
    assert configuration.warnings == ()
    assert configuration.path == sample.path


@pytest.mark.parametrize("key", ["directories", "duo", "listeners"])
def test_what_is_required_at_the_top(sample: Sample, key: str) -> None:
    del sample.document[key]
    assert any(
        problem.startswith(f"{key}: is required; it holds at least one ") for problem in sample.problems()
    )


@pytest.mark.parametrize("key", ["directories", "duo", "listeners"])
def test_sections_are_maps_of_maps(sample: Sample, key: str) -> None:
    sample.document[key] = {}
    assert any(f"{key}: must hold at least one" in problem for problem in sample.problems())
    sample.document[key] = ["x"]
    assert any(f"{key}: must be a map" in problem for problem in sample.problems())
    sample.document[key] = {"x": "y"}
    assert any(f"{key}.x: must be a map" in problem for problem in sample.problems())


def test_names_fit_into_labels(sample: Sample) -> None:
    sample.document["listeners"] = {"my vpn": sample.listener, 'v"pn': dict(sample.listener)}
    why = "must have a name of letters, digits, dots, hyphens and underscores, at most 63"
    assert f"listeners.my vpn: {why}" in sample.problems()


def test_a_mistake_in_a_directory_is_not_blamed_on_its_listeners(sample: Sample) -> None:
    sample.directory["base_dn"] = "x"
    sample.duo["api_host"] = "x y"
    assert [problem.partition(":")[0] for problem in sample.problems()] == [
        "directories.corp.base_dn",
        "duo.prod.api_host",
    ]


def test_two_listeners_on_one_address(sample: Sample) -> None:
    for name, url in {
        "a": "ldap://127.0.0.1:389",
        "b": "ldap://0.0.0.0:389",
        "c": "ldap://127.0.0.1:390",
    }.items():
        sample.document["listeners"][name] = dict(sample.listener, url=url)
    assert sample.problems() == [
        "listeners.a.url: listener vpn has this address and port already",
        "listeners.b.url: listener vpn has this address and port already",
        "listeners.b.url: listener a has this address and port already",
    ]


def test_what_no_listener_uses_has_no_effect(sample: Sample) -> None:
    sample.document["directories"]["lab"] = dict(sample.directory)
    sample.document["duo"]["test"] = dict(sample.duo)
    assert sample.warnings() == [
        "directories.lab: has no effect: no listener uses it",
        "duo.test: has no effect: no listener uses it",
    ]


def test_a_time_out_that_never_comes_to_pass(sample: Sample) -> None:
    sample.listener["bind_timeout"] = "8s"
    assert sample.warnings() == [
        "listeners.vpn.bind_timeout: ends a login before the response_timeout of duo prod (8s) can"
    ]
    sample.listener["bind_timeout"] = "9s"
    assert sample.warnings() == []


def test_files_that_others_can_read_are_warnings(sample: Sample) -> None:
    for name in ("directory-password", "duo-key"):
        (sample.folder / name).chmod(0o644)
    why = "others on this machine can read this file; chmod o-r takes that from them"
    assert sample.warnings() == [
        f"directories.corp.service_account.password_file: {why}",
        f"duo.prod.secret_key_file: {why}",
    ]


def test_secrets_in_a_file_that_others_can_read_are_warnings(sample: Sample) -> None:
    del sample.duo["secret_key_file"]
    sample.duo["secret_key"] = "swordfish"
    assert sample.warnings() == []
    sample.path.chmod(0o644)
    (found,) = load(sample.path, {}).warnings
    assert found.place.path == "duo.prod.secret_key"
    assert "others can read" in found.text


def test_secrets_come_from_the_environment_that_is_given(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUO_KEY", "from-the-process")
    del sample.duo["secret_key_file"]
    sample.duo["secret_key_env"] = "DUO_KEY"
    assert sample.problems() == ["duo.prod.secret_key_env: names an environment variable that is not set"]
    sample.environment["DUO_KEY"] = "given"
    assert sample.load().duo[0].secret_key == Secret("given")


def test_no_secret_is_in_the_representation(sample: Sample) -> None:
    shown = repr(sample.load())
    assert "pw-ldapproxy" not in shown
    assert "0123456789abcdefghij" not in shown


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 70000) | st.text(max_size=8)
    | st.sampled_from(["3s", "4MiB", "ldap://127.0.0.1:389", "closed", "cn=a,dc=b", "vpn.pem", "corp"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Path:
    folder = tmp_path_factory.mktemp("any")
    certificate = authority.server()
    shutil.copy(certificate.certificate_file, folder / "vpn.pem")
    shutil.copy(certificate.private_key_file, folder / "vpn.key")
    shutil.copy(authority.ca_file, folder / "corp-ca.pem")
    return folder


@given(data=st.data())
def test_any_value_anywhere_is_accepted_or_a_located_problem(folder: Path, data: st.DataObject) -> None:
    """Whatever stands at one place of the full example, nothing but ConfigurationError comes of it."""
    document = yaml.safe_load((CONF / "full.yml").read_text())
    spot = document
    path = []
    while isinstance(spot, dict) and spot:
        key = data.draw(st.sampled_from(sorted(spot)))
        path.append(key)
        parent, spot = spot, spot[key]
        if data.draw(st.booleans()):
            break
    parent[path[-1]] = data.draw(VALUES)
    file = folder / "any.yml"
    file.write_text(yaml.safe_dump(document, allow_unicode=True), errors="surrogatepass")
    try:
        load(file, {})
    except ConfigurationError as error:
        assert all(problem.place.line > 0 for problem in error.problems), error  # noqa: PT017
