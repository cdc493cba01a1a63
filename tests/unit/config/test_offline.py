"""`offline:`: settings, defaults, bounds, and what holds between it and the listeners."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from ldapproxy.config.load import load
from ldapproxy.offline.address import parse
from ldapproxy.offline.settings import OfflineSettings
from ldapproxy.offline.sqlite_file import SqliteFile
from ldapproxy.secret import Secret
from tests.unit.config.sample import Sample


def settings(sample: Sample) -> OfflineSettings:
    found = sample.load().offline
    assert found is not None
    return found


def test_the_defaults(sample: Sample) -> None:
    del sample.add_offline()["store"]
    key = (sample.folder / "offline-keys").read_bytes().strip()
    assert settings(sample) == OfflineSettings(
        store="sqlite:///var/lib/ldapproxy/offline.db",
        encryption_keys=(Secret(key),),
        max_logins=10,
        max_age=7 * 86400.0,
    )
    assert sample.warnings() == []


def test_every_setting(sample: Sample) -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    sample.add_offline(store="postgresql://proxy@db.example.com/ldapproxy", max_logins=3, max_age="12h")
    sample.write("offline-keys", b"# the new one first\n" + new + b"\n\n" + old + b"\n")
    assert settings(sample) == OfflineSettings(
        "postgresql://proxy@db.example.com/ldapproxy", (Secret(new), Secret(old)), 3, 43_200.0
    )


def test_without_the_section_there_is_no_store(sample: Sample) -> None:
    assert sample.load().offline is None


@pytest.mark.parametrize(
    ("store", "path"),
    [
        ("sqlite:///./offline.db", "{folder}/offline.db"),
        ("sqlite:///../beside/offline.db", "{folder}/../beside/offline.db"),
        ("sqlite:///./100%25.db", "{folder}/100%.db"),
        ("sqlite:///var/lib/x.db", "/var/lib/x.db"),
        ("sqlite:////var/lib/x.db", "/var/lib/x.db"),
    ],
)
def test_a_dot_begins_a_path_from_the_folder_of_the_file(sample: Sample, store: str, path: str) -> None:
    sample.add_offline(store=store)
    place = parse(settings(sample).store)
    assert isinstance(place, SqliteFile)
    assert place.path == Path(path.format(folder=sample.folder))


def test_a_folder_with_characters_that_mean_something_in_urls(tmp_path: Path, sample: Sample) -> None:
    folder = tmp_path / "a%20b?c#d"
    folder.mkdir()
    sample.add_offline(store="sqlite:///./offline.db")
    sample.load()
    for file in sample.folder.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    found = load(folder / sample.path.name, {}).offline
    assert found is not None
    place = parse(found.store)
    assert isinstance(place, SqliteFile)
    assert place.path == folder / "offline.db"


def test_a_file_in_the_root_folder_is_hardly_meant(sample: Sample) -> None:
    sample.add_offline(store="sqlite:///offline.db")
    assert sample.warnings() == [
        "offline.store: is a file in the root folder; a path from the folder of this file is "
        "sqlite:///./offline.db"
    ]


def test_the_url_may_come_from_a_file_or_the_environment(sample: Sample) -> None:
    section = sample.add_offline()
    url = "postgresql://proxy:swordfish@db.example.com/ldapproxy"
    del section["store"]
    section["store_env"] = "STORE"
    assert sample.problems() == ["offline.store_env: names an environment variable that is not set"]
    sample.environment["STORE"] = url
    assert settings(sample).store == url
    section["store_file"] = "store"
    sample.write("store", f"{url}\n".encode())
    assert sample.problems() == ["offline.store_env: only one of store, store_file or store_env may be given"]
    del section["store_env"]
    assert settings(sample).store == url
    sample.write("store", b"mysql://proxy:swordfish@db/x\n")
    assert sample.problems() == [
        "offline.store_file: must begin with sqlite:/// or postgresql://; write sqlite:///PATH or "
        "postgresql://USER@HOST/DATABASE"
    ]
    section["store"] = url
    assert sample.problems() == [
        "offline.store_file: only one of store, store_file or store_env may be given"
    ]


def test_a_password_in_a_file_that_others_can_read(sample: Sample) -> None:
    section = sample.add_offline(store="postgresql://proxy:swordfish@db.example.com/ldapproxy")
    assert sample.warnings() == []
    sample.path.chmod(0o644)
    (found,) = load(sample.path, {}).warnings
    assert found.place.path == "offline.store"
    assert "holds a password in a file that others can read" in found.text
    assert "swordfish" not in found.text
    section["store"] = "postgresql://proxy@db.example.com/ldapproxy"
    assert sample.warnings() == []
    sample.path.chmod(0o644)
    assert load(sample.path, {}).warnings == ()


def test_a_store_that_others_can_read(sample: Sample) -> None:
    sample.add_offline()
    assert sample.warnings() == []
    assert not (sample.folder / "offline.db").exists(), "the store is not opened to look at it"
    sample.write("offline.db", b"", mode=0o644)
    assert sample.warnings() == [
        f"offline.store: {sample.folder}/offline.db can be read or written by others; chmod 600 it"
    ]
    del sample.document["offline"]["store"]
    sample.document["offline"]["store_file"] = "store"
    sample.write("store", f"sqlite:///{sample.folder}/offline.db".encode())
    assert [warning.partition(":")[0] for warning in sample.warnings()] == ["offline.store_file"]


def test_a_server_that_is_reached_in_clear_text(sample: Sample) -> None:
    sample.add_offline(store="postgresql://proxy:swordfish@db.example.com/ldapproxy?sslmode=disable")
    (found,) = sample.warnings()
    assert "is reached in clear text; use sslmode=verify-full" in found
    assert "swordfish" not in found


def test_a_store_whose_name_is_no_path(sample: Sample) -> None:
    sample.add_offline(store="sqlite:///var/lib/offline%00.db")
    assert sample.warnings() == []


def test_keys_that_others_can_read(sample: Sample) -> None:
    sample.add_offline()
    (sample.folder / "offline-keys").chmod(0o644)
    assert sample.warnings() == [
        "offline.encryption_key_file: others on this machine can read this file; "
        "chmod o-r takes that from them"
    ]


def test_keys_from_the_environment_and_inline(sample: Sample) -> None:
    one, other = Fernet.generate_key(), Fernet.generate_key()
    section = sample.add_offline()
    del section["encryption_key_file"]
    section["encryption_key_env"] = "KEYS"
    sample.environment["KEYS"] = f"{one.decode()}\n{other.decode()}"
    assert settings(sample).encryption_keys == (Secret(one), Secret(other))
    del section["encryption_key_env"]
    section["encryption_key"] = one.decode()
    assert settings(sample).encryption_keys == (Secret(one),)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("store", None, "store: has no value"),
        ("store", "/var/lib/offline.db", "store: is not a URL; write sqlite:///PATH or postgresql://USER@"),
        ("store", "sqlite://", "store: names no file"),
        ("store", "sqlite:///:memory:", "store: names no file"),
        ("store", "mysql://db/x", "store: must begin with sqlite:/// or postgresql://"),
        ("store", "postgresql://proxy@db/x?sslmode=require", "store: has an sslmode that does not verify"),
        ("max_logins", 0, "max_logins: must be at least 1: an outage takes some logins"),
        ("max_logins", 1001, "max_logins: must be at most 1000"),
        ("max_logins", "ten", "max_logins: must be a whole number"),
        ("max_age", "0s", "max_age: must be at least 1s"),
        ("max_age", "400d", "max_age: must be at most 365d: for so long an offline code works for who was"),
        ("max_age", 7, "max_age: must be a duration"),
        ("max_log_ins", 7, "max_log_ins: is not a known key; did you mean max_logins?"),
        ("encryption_key_file", "missing", "encryption_key_file: there is no such file"),
        ("encryption_key_file", "ca.pem", "encryption_key_file: line 1 is not a Fernet key"),
        ("encryption_key_file", "only-comments", "encryption_key_file: holds no key; make one with: openssl"),
        ("encryption_key", "swordfish", "only one of encryption_key, encryption_key_file or encryption_key"),
    ],
)  # fmt: skip
def test_what_is_refused(sample: Sample, key: str, value: Any, problem: str) -> None:
    sample.write("only-comments", b"# here comes the key\n")
    sample.add_offline()[key] = value
    found = sample.problems()
    assert problem in found[0]
    assert "swordfish" not in "".join(found)


def test_a_key_is_required(sample: Sample) -> None:
    del sample.add_offline()["encryption_key_file"]
    assert sample.problems() == [
        "offline.encryption_key: is required; give one of encryption_key, encryption_key_file or "
        "encryption_key_env"
    ]


@pytest.mark.parametrize("value", [None, [], "sqlite:///offline.db"])
def test_it_is_a_map(sample: Sample, value: Any) -> None:
    sample.document["offline"] = value
    assert sample.problems()[0].startswith(
        "offline: has no value; write a map" if value is None else "offline: must be a map"
    )


def test_fail_mode_offline_needs_the_section(sample: Sample) -> None:
    sample.listener["fail_mode"] = "offline"
    assert sample.problems() == [
        "listeners.vpn.fail_mode: offline needs the store of offline authenticators: add an offline: section"
    ]


def test_fail_mode_offline_needs_a_delimiter(sample: Sample) -> None:
    sample.add_offline()
    sample.listener.update(delimiter=None, factors=["push"])
    assert sample.problems() == [
        "listeners.vpn.fail_mode: offline needs a delimiter: without one nobody can type an offline code; "
        "use closed"
    ]


def test_a_store_that_no_listener_asks(sample: Sample) -> None:
    sample.add_offline()
    sample.listener["fail_mode"] = "closed"
    assert sample.warnings() == ["offline: has no effect: no listener has fail_mode offline"]
    sample.document["listeners"]["console"] = dict(
        sample.listener, url="ldap://127.0.0.1:390", fail_mode="offline"
    )
    assert sample.warnings() == []


def test_no_secret_is_in_the_representation(sample: Sample) -> None:
    sample.add_offline(store="postgresql://proxy:swordfish@db.example.com/ldapproxy")
    shown = repr(sample.load())
    assert "swordfish" not in shown
    assert (sample.folder / "offline-keys").read_text().strip() not in shown
