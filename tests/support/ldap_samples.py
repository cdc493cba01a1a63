"""Messages of LDAP written out by hand, octet by octet, for tests of codec and framing.

Owns the bytes. They are literals on purpose: what our own encoder made would share the errors of our decoder.
"""

from __future__ import annotations

BIND = b"\x30\x1f\x02\x01\x01\x60\x1a\x02\x01\x03\x04\x0duid=alice,o=x\x80\x06secret"
"""messageID 1, version 3, name uid=alice,o=x, password secret."""

PASSWORD_POLICY_CONTROL = b"\xa0\x1d\x30\x1b\x04\x191.3.6.1.4.1.42.2.27.8.5.1"
"""A controls element with one control, not critical, without a value."""

BIND_WITH_CONTROL = b"\x30\x3e" + BIND[2:] + PASSWORD_POLICY_CONTROL

BIND_AS_WINDOWS_WRITES_IT = (
    b"\x30\x84\x00\x00\x00\x23\x02\x01\x01\x60\x84\x00\x00\x00\x1a"
    b"\x02\x01\x03\x04\x0duid=alice,o=x\x80\x06secret"
)
"""As BIND, with lengths of four octets for everything constructed."""

ANONYMOUS_BIND = b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"

SASL_BIND = b"\x30\x1f\x02\x01\x07\x60\x1a\x02\x01\x03\x04\x00\xa3\x13\x04\x05PLAIN\x04\x0a\x00alice\x00pwd"
"""messageID 7, no name, mechanism PLAIN with credentials."""

SICILY_BIND = b"\x30\x10\x02\x01\x08\x60\x0b\x02\x01\x03\x04\x00\x8a\x04NTLM"
"""messageID 8, Active Directory's sicilyNegotiate [10]."""

UNBIND = b"\x30\x05\x02\x01\x09\x42\x00"

ROOT_DSE_SEARCH = (
    b"\x30\x25\x02\x01\x02\x63\x20\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00"
    b"\x87\x0bobjectClass\x30\x00"
)
"""messageID 2, base "", scope base, (objectClass=*), all attributes."""

SEARCH = (
    b"\x30\x43\x02\x02\x01\x2c\x63\x3d\x04\x03o=x\x0a\x01\x02\x0a\x01\x00\x02\x02\x03\xe8\x02\x01\x0a\x01\x01\xff"
    b"\xa0\x1b\xa3\x0c\x04\x03uid\x04\x05alice\xa2\x0b\xa4\x09\x04\x02cn\x30\x03\x80\x01a\x30\x09\x04\x02cn\x04\x03uid"
)
"""messageID 300, base o=x, subtree, size limit 1000, (&(uid=alice)(!(cn=a*))), cn and uid."""

COMPARE = b"\x30\x1d\x02\x01\x0b\x6e\x18\x04\x03o=x\x30\x11\x04\x0cuserPassword\x04\x01p"
"""messageID 11."""

ABANDON = b"\x30\x07\x02\x01\x0c\x50\x02\x01\x2c"
"""messageID 12, abandons 300."""

DELETE = b"\x30\x08\x02\x01\x0d\x4a\x03o=x"
"""messageID 13."""

START_TLS = b"\x30\x1d\x02\x01\x0e\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
"""messageID 14."""

PASSWORD_MODIFY = b"\x30\x23\x02\x01\x0f\x77\x1e\x80\x171.3.6.1.4.1.4203.1.11.1\x81\x03\x30\x01\x00"
"""messageID 15, with a value of three octets."""

MODIFY = (
    b"\x30\x1f\x02\x01\x10\x66\x1a\x04\x03o=x"
    b"\x30\x13\x30\x11\x0a\x01\x02\x30\x0c\x04\x02sn\x31\x06\x04\x04Name"
)
"""messageID 16."""

BIND_REFUSED = b"\x30\x12\x02\x01\x01\x61\x0d\x0a\x01\x31\x04\x00\x04\x06denied"
"""messageID 1, invalidCredentials, diagnosticMessage "denied"."""

BIND_REFERRED = (
    b"\x30\x21\x02\x01\x01\x61\x1c\x0a\x01\x0a\x04\x00\x04\x00\xa3\x13\x04\x08ldap://a\x04\x07ldap:b/"
)
"""messageID 1, referral to ldap://a and ldap:b/."""

SEARCH_ENTRY = b"\x30\x18\x02\x02\x01\x2c\x64\x12\x04\x03o=x\x30\x0b\x30\x09\x04\x02cn\x31\x03\x04\x01a"
"""messageID 300."""

SEARCH_DONE = b"\x30\x0d\x02\x02\x01\x2c\x65\x07\x0a\x01\x00\x04\x00\x04\x00"
"""messageID 300, success."""

WHO_AM_I_ANSWER = b"\x30\x14\x02\x01\x05\x78\x0f\x0a\x01\x00\x04\x00\x04\x00\x8b\x06dn:o=x"
"""messageID 5, success, responseValue dn:o=x."""

NOTICE = b"\x30\x27\x02\x01\x00\x78\x22\x0a\x01\x34\x04\x00\x04\x03bye\x8a\x161.3.6.1.4.1.1466.20036"
"""messageID 0, unavailable, "bye"."""

REQUESTS: dict[str, bytes] = {
    "bind": BIND,
    "bind with control": BIND_WITH_CONTROL,
    "bind of Windows": BIND_AS_WINDOWS_WRITES_IT,
    "anonymous bind": ANONYMOUS_BIND,
    "SASL bind": SASL_BIND,
    "sicily bind": SICILY_BIND,
    "unbind": UNBIND,
    "root DSE search": ROOT_DSE_SEARCH,
    "search": SEARCH,
    "compare": COMPARE,
    "abandon": ABANDON,
    "delete": DELETE,
    "StartTLS": START_TLS,
    "password modify": PASSWORD_MODIFY,
    "modify": MODIFY,
}

RESPONSES: dict[str, bytes] = {
    "bind refused": BIND_REFUSED,
    "bind referred": BIND_REFERRED,
    "search entry": SEARCH_ENTRY,
    "search done": SEARCH_DONE,
    "who am I answer": WHO_AM_I_ANSWER,
    "notice of disconnection": NOTICE,
}
