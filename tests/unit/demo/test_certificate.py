"""The throw-away certificate, and the files of a given one."""

from __future__ import annotations

import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ldapproxy.demo.certificate import CertificateError, CertificateFiles, make_certificate


def test_a_made_certificate_has_its_authority_beside_it_and_a_private_key(tmp_path: Path) -> None:
    files = make_certificate(tmp_path, "127.0.0.1", "duo.example.com")
    files.load_into(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    assert files.ca_file is not None
    assert ssl.create_default_context(cafile=str(files.ca_file)).cert_store_stats()["x509_ca"] == 1
    assert stat.S_IMODE(files.private_key_file.stat().st_mode) == 0o600


def test_files_that_do_not_belong_together_are_named(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = make_certificate(tmp_path / "one", "a"), make_certificate(tmp_path / "two", "a")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with pytest.raises(CertificateError, match=r"one/server\.pem and .*two/server\.key"):
        CertificateFiles(one.certificate_file, two.private_key_file).load_into(context)
    with pytest.raises(CertificateError, match="No such file"):
        CertificateFiles(tmp_path / "none", one.private_key_file).load_into(context)


def test_without_trustme_a_sentence_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['trustme'] = None\n"
        "from pathlib import Path\n"
        "from ldapproxy.demo.certificate import make_certificate\n"
        f"make_certificate(Path({str(tmp_path)!r}), '127.0.0.1')\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "DemoNotInstalledError" in run.stderr
    assert "pip install 'ldapproxy[demo]'" in run.stderr
