"""What is in the directory besides its people: entries to search for.

Owns the LDIF. It must not know who searches.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.support.example_directory import SUFFIX

# As many as a page of results of an address book, 1 KB each.
BULK, BULK_ENTRIES = f"ou=bulk,{SUFFIX}", 1_000
# 100 MB in all. Entries of this size are whole groups, or photographs.
LARGE, LARGE_ENTRIES = f"ou=large,{SUFFIX}", 10_000


def ldif() -> str:
    """Both, for `slapadd`."""
    return "\n".join([*_unit(BULK, BULK_ENTRIES, 850), *_unit(LARGE, LARGE_ENTRIES, 9_850), ""])


def _unit(dn: str, entries: int, size: int) -> Iterable[str]:
    name = dn.partition(",")[0].partition("=")[2]
    yield f"dn: {dn}\nobjectClass: organizationalUnit\nou: {name}\n"
    for number in range(entries):
        yield f"dn: cn=e{number},{dn}\nobjectClass: device\ncn: e{number}\ndescription: {'x' * size}\n"
