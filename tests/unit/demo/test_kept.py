"""What a simulator keeps between two starts."""

from __future__ import annotations

import stat
from pathlib import Path

from ldapproxy.demo.kept import keep


def test_what_was_made_once_is_read_the_next_time(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    first = keep(folder, ["127.0.0.1"])
    certificate = first.certificate.certificate_file.read_bytes()
    second = keep(folder, ["other.example.com"])
    assert (second.integration_key, second.secret_key) == (first.integration_key, first.secret_key)
    assert second.certificate.certificate_file.read_bytes() == certificate
    assert len(first.secret_key.reveal()) == 40


def test_secrets_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    kept = keep(tmp_path, ["127.0.0.1"])
    for path in (kept.secret_key_file, kept.certificate.private_key_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_that_somebody_wrote_is_taken(tmp_path: Path) -> None:
    (tmp_path / "secret-key").write_text("chosen\n")
    assert keep(tmp_path, ["127.0.0.1"]).secret_key.reveal() == b"chosen"
