"""The layout of `check-config`."""

from __future__ import annotations

from ldapproxy.config.paragraphs import Paragraph, render


def test_titles_stand_in_the_margin_and_sentences_beside_them() -> None:
    assert render("Listener vpn", [Paragraph("Limits", ["One.", "Two."]), Paragraph("Empty", [])]) == (
        "Listener vpn\n"
        "------------\n"
        "  Limits          One.\n"
        "                  Two."
    )  # fmt: skip


def test_long_sentences_are_wrapped_and_indented() -> None:
    first, second = render("H", [Paragraph("T", ["word " * 25])]).splitlines()[2:]
    assert len(first) <= 100
    assert first.startswith("  T               word")
    assert second.startswith(" " * 20 + "word")


def test_names_stay_in_one_piece() -> None:
    dn = "cn=a-very-long-name," + "ou=x-y," * 20 + "dc=com"
    assert dn in render("H", [Paragraph("T", [f"Only members of {dn} get in."])])
