"""deploy/recipes: every page says the same things in the same places, and its settings load."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.files import ROOT, TESTS
from tests.support.certificates import Authority
from tests.support.proxy import merged
from tests.unit.config.sample import Sample

RECIPES = ROOT / "deploy" / "recipes"
PAGES = sorted(page for page in RECIPES.glob("*.md") if page.name != "README.md")
APPLICATIONS = [page for page in PAGES if page.name != "active-directory.md"]
INDEX = (RECIPES / "README.md").read_text()

# What the tests run, by page.
TRIED = {
    "apache.md": "apache.py",
    "pam-nslcd.md": "pam.py",
    "pam-sssd.md": "sssd.py",
    "postgresql.md": "postgresql.py",
}


def blocks(page: Path) -> list[dict[str, Any]]:
    """The page's pieces of ldapproxy's configuration."""
    found = re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [yaml.safe_load(text) for text in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_settings_of_a_page_load(page: Path, tmp_path: Path) -> None:
    pieces = blocks(page)
    assert pieces
    for number, piece in enumerate(pieces):
        folder = tmp_path / str(number)
        folder.mkdir()
        sample = Sample(folder, Authority(folder / "authority"))
        (directory,) = sample.document["directories"].values()
        (listener,) = sample.document.pop("listeners").values()
        listener["tls"] = {"certificate_file": "vpn.pem", "private_key_file": "vpn.key"}
        for account in (entry.get("service_account", {}) for entry in piece.get("directories", {}).values()):
            account["password_file"] = "directory-password"
        usual = {
            "directories": dict.fromkeys(piece.get("directories", {"corp": {}}), directory),
            "listeners": dict.fromkeys(piece.get("listeners", {"any": {}}), listener),
        }
        sample.document = merged(merged(sample.document, usual), piece)
        assert sample.warnings() == []


@pytest.mark.parametrize("page", APPLICATIONS, ids=lambda page: page.name)
def test_a_page_says_whether_it_was_tried_what_to_raise_and_who_waits(page: Path) -> None:
    text = page.read_text()
    was_tried = page.name in TRIED
    assert bool(re.search("^Tested: ", text, re.MULTILINE)) is was_tried
    assert bool(re.search("^Not tested here", text, re.MULTILINE)) is not was_tried
    headings = re.findall("^## (.*)$", text, re.MULTILINE)
    assert headings == ["Settings", "Time", "What helps"]
    assert re.search("^One slow push (holds|keeps) ", text, re.MULTILINE)
    assert "bind_timeout" in text
    assert re.search(rf"\({re.escape(page.name)}\) \| {'yes' if was_tried else 'no'} \|", INDEX)


def test_what_was_tried_is_run_by_the_tests() -> None:
    support = TESTS / "support" / "applications"
    tests = "\n".join(file.read_text() for file in (TESTS / "apps").glob("test_*.py"))
    for source in TRIED.values():
        assert (support / source).exists()
        assert f"tests.support.applications.{source.removesuffix('.py')} " in tests
