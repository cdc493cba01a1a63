"""The table of keys is what the sections read, neither more nor less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ldapproxy.config.belonging import KEYS, TOP, belongs_under
from ldapproxy.config.sections import Section
from tests.unit.config.sample import Sample

CONF = Path(__file__).parents[3] / "conf"


def test_it_holds_the_keys_that_the_sections_read(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    read: dict[str, set[str]] = {}
    finish = Section.finish

    def noted(section: Section) -> None:
        path = re.sub(r"^(directories|duo|listeners)\.\w+", r"\1.NAME", section.place.path)
        path = re.sub(r"\[\d+\]", "", path)
        read.setdefault(path, set()).update(section._known)
        finish(section)

    sample.document = yaml.safe_load((CONF / "full.yml").read_text())
    sample.document["listeners"]["vpn"]["username_rewrite"] = [{"pattern": "a", "replace": ""}]
    # A section that is left out has no place of its own.
    sample.document["listeners"] = {"vpn": sample.document["listeners"]["vpn"]}
    monkeypatch.setattr(Section, "finish", noted)
    sample.problems()
    assert read == {section: set(keys) for section, keys in KEYS.items()}


def test_where_a_key_belongs() -> None:
    assert belongs_under("username_search") == "; it belongs under directories.NAME"
    assert belongs_under("max_logins") == "; it belongs under offline"
    assert belongs_under("portal") == "; it belongs at the top of the file, not indented"
    assert belongs_under("duo") == "; it belongs under listeners.NAME"
    assert belongs_under("skey") == ""
    assert TOP in KEYS
