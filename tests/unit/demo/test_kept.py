"""What a simulator keeps between two starts."""

from __future__ import annotations

import stat
from pathlib import Path

from ldapproxy.demo.kept import certificate_in, integration_key_in, secret_key_file_in


def test_what_was_made_once_is_read_the_next_time(tmp_path: Path) -> None:
    certificate = certificate_in(tmp_path, ["127.0.0.1"]).certificate_file.read_bytes()
    integration_key = integration_key_in(tmp_path)
    secret_key = secret_key_file_in(tmp_path).read_text()
    assert certificate_in(tmp_path, ["other.example.com"]).certificate_file.read_bytes() == certificate
    assert integration_key_in(tmp_path) == integration_key
    assert secret_key_file_in(tmp_path).read_text() == secret_key
    assert len(secret_key.strip()) == 40


def test_secrets_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    key = certificate_in(tmp_path, ["127.0.0.1"]).private_key_file
    for path in (secret_key_file_in(tmp_path), key):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_that_somebody_wrote_is_taken(tmp_path: Path) -> None:
    (tmp_path / "integration-key").write_text("chosen\n")
    assert integration_key_in(tmp_path) == "chosen"
