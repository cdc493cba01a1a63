"""`messages` is the one place to import messages from, so it must be complete."""

from __future__ import annotations

from ldapproxy.ldap import controls, filters, messages, operations, requests, responses, search


def test_everything_it_lists_is_there_and_listed_once() -> None:
    assert len(set(messages.__all__)) == len(messages.__all__)
    assert all(hasattr(messages, name) for name in messages.__all__)


def test_every_decoder_and_encoder_of_the_floor_can_be_had_from_it() -> None:
    modules = (controls, filters, requests, responses, search)
    verbs = {
        name
        for module in modules
        for name, value in vars(module).items()
        if name.startswith(("decode_", "encode_")) and getattr(value, "__module__", "") == module.__name__
    }
    internal = {"decode_oid"}
    assert verbs - internal <= set(messages.__all__)


def test_every_object_identifier_of_an_operation_can_be_had_from_it() -> None:
    assert {name for name in vars(operations) if name.endswith("_OID")} <= set(messages.__all__)
