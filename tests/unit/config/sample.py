"""A good configuration, as a document that a test spoils, and what `load` says about it then.

Owns the sample. It must not know what is right or wrong.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml
from cryptography.fernet import Fernet

from ldapproxy.config import document
from ldapproxy.config.configuration import Configuration
from ldapproxy.config.document import Node
from ldapproxy.config.load import load
from ldapproxy.config.problems import ConfigurationError, Problem, Report
from ldapproxy.config.values import Invalid, Parser
from tests.support.certificates import Authority


class Sample:
    """A folder with a configuration without problems or warnings.

    Attributes:
        folder: where the configuration and its files are.
        document: what is written there when the configuration is loaded; change it.
        environment: what the process's environment holds.
    """

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder = folder
        self.path = folder / "ldapproxy.yml"
        self.authority = authority
        self.environment: dict[str, str] = {}
        certificate = authority.server()
        self.copy(certificate.certificate_file, "vpn.pem")
        self.copy(certificate.private_key_file, "vpn.key")
        self.copy(authority.ca_file, "ca.pem")
        self.write("directory-password", b"pw-ldapproxy\n")
        self.write("duo-key", b"0123456789abcdefghij0123456789abcdefghij\n")
        self.document: dict[str, Any] = {
            "directories": {
                "corp": {
                    "urls": ["ldaps://dc1.example.com"],
                    "base_dn": "dc=example,dc=com",
                    "service_account": {
                        "dn": "cn=ldapproxy,ou=services,dc=example,dc=com",
                        "password_file": "directory-password",
                    },
                }
            },
            "duo": {
                "prod": {
                    "api_host": "api-12345678.duosecurity.com",
                    "integration_key": "DI0123456789ABCDEFGH",
                    "secret_key_file": "duo-key",
                }
            },
            "listeners": {
                "vpn": {
                    "url": "ldap://127.0.0.1:389",
                    "directory": "corp",
                    "duo": "prod",
                    "fail_mode": "closed",
                }
            },
        }

    @property
    def directory(self) -> dict[str, Any]:
        """The section of directory `corp`."""
        return self.document["directories"]["corp"]  # type: ignore[no-any-return]

    @property
    def duo(self) -> dict[str, Any]:
        """The section of Duo application `prod`."""
        return self.document["duo"]["prod"]  # type: ignore[no-any-return]

    @property
    def listener(self) -> dict[str, Any]:
        """The section of listener `vpn`."""
        return self.document["listeners"]["vpn"]  # type: ignore[no-any-return]

    def add_offline(self, **keys: Any) -> dict[str, Any]:
        """Adds `offline:`, and fail mode offline to the listener; returns the section."""
        self.write("offline-keys", Fernet.generate_key() + b"\n")
        self.listener["fail_mode"] = "offline"
        self.document["offline"] = {
            "store": f"sqlite:///{self.folder}/offline.db",
            "encryption_key_file": "offline-keys",
            **keys,
        }
        return self.document["offline"]  # type: ignore[no-any-return]

    def write(self, name: str, content: bytes, mode: int = 0o600) -> None:
        """Writes a file into the folder."""
        (self.folder / name).write_bytes(content)
        (self.folder / name).chmod(mode)

    def copy(self, source: Path, name: str) -> None:
        """Copies a file into the folder, for the owner only."""
        shutil.copyfile(source, self.folder / name)
        (self.folder / name).chmod(0o600)

    def load(self) -> Configuration:
        """Writes the document and loads it."""
        self.write(self.path.name, yaml.safe_dump(self.document, sort_keys=False).encode())
        return load(self.path, self.environment)

    def problems(self) -> list[str]:
        """What `load` refuses, as `path: problem`."""
        try:
            self.load()
        except ConfigurationError as error:
            return shown(error.problems)
        return []

    def warnings(self) -> list[str]:
        """What `load` warns of, as `path: problem`."""
        return shown(self.load().warnings)


def shown(problems: tuple[Problem, ...]) -> list[str]:
    """The problems without file and line."""
    return [f"{problem.place.path}: {problem.text}" for problem in problems]


def node(yaml_text: str) -> Node:
    """The node that `key: yaml_text` gives the key."""
    return mapping(f"key: {yaml_text}").items["key"]


def refusal(parser: Parser[Any], yaml_text: str) -> str:
    """Why the parser refuses the value."""
    try:
        value = parser(node(yaml_text))
    except Invalid as invalid:
        return str(invalid)
    raise AssertionError(f"it was read as {value!r}")


def mapping(yaml_text: str) -> document.Mapping:
    """The map that a text spells."""
    report = Report()
    found = document.parse(yaml_text, "test.yml", report)
    assert not report.errors
    return found
