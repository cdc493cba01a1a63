"""The messages of LDAP: the one place from which the other floors import them.

Owns nothing; it gathers `operations`, `requests`, `search`, `filters`, `controls` and `responses`.
"""

from __future__ import annotations

from ldapproxy.ldap.controls import (
    ASSERTION_OID,
    MATCHED_VALUES_OID,
    PROXIED_AUTHORIZATION_OID,
    Control,
    decode_controls,
)
from ldapproxy.ldap.filters import (
    MAX_FILTER_DEPTH,
    FilterFacts,
    decode_filter,
    decode_values_return_filter,
)
from ldapproxy.ldap.operations import (
    CANCEL_OID,
    FAST_BIND_OID,
    FINAL_RESPONSES,
    NOTICE_OF_DISCONNECTION_OID,
    OPERATION_NAMES,
    PASSWORD_MODIFY_OID,
    START_TLS_OID,
    WHO_AM_I_OID,
    Tag,
    operation_name,
    response_tag,
)
from ldapproxy.ldap.requests import (
    AbandonRequest,
    Authentication,
    BindRequest,
    CompareRequest,
    ExtendedRequest,
    SaslAuthentication,
    SimpleAuthentication,
    UnknownAuthentication,
    decode_abandon_request,
    decode_bind_request,
    decode_compare_request,
    decode_extended_request,
    decode_unbind_request,
    encode_bind_request,
    encode_extended_request,
)
from ldapproxy.ldap.responses import LdapResult, decode_result, encode_result, notice_of_disconnection
from ldapproxy.ldap.search import (
    BASE_OBJECT,
    SearchRequest,
    decode_entry_values,
    decode_search_request,
    encode_entry_search,
    encode_root_dse_search,
)

__all__ = [
    "ASSERTION_OID",
    "BASE_OBJECT",
    "CANCEL_OID",
    "FAST_BIND_OID",
    "FINAL_RESPONSES",
    "MATCHED_VALUES_OID",
    "MAX_FILTER_DEPTH",
    "NOTICE_OF_DISCONNECTION_OID",
    "OPERATION_NAMES",
    "PASSWORD_MODIFY_OID",
    "PROXIED_AUTHORIZATION_OID",
    "START_TLS_OID",
    "WHO_AM_I_OID",
    "AbandonRequest",
    "Authentication",
    "BindRequest",
    "CompareRequest",
    "Control",
    "ExtendedRequest",
    "FilterFacts",
    "LdapResult",
    "SaslAuthentication",
    "SearchRequest",
    "SimpleAuthentication",
    "Tag",
    "UnknownAuthentication",
    "decode_abandon_request",
    "decode_bind_request",
    "decode_compare_request",
    "decode_controls",
    "decode_entry_values",
    "decode_extended_request",
    "decode_filter",
    "decode_result",
    "decode_search_request",
    "decode_unbind_request",
    "decode_values_return_filter",
    "encode_bind_request",
    "encode_entry_search",
    "encode_extended_request",
    "encode_result",
    "encode_root_dse_search",
    "notice_of_disconnection",
    "operation_name",
    "response_tag",
]
