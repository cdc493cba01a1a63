"""The table of attacks. Each row says what the attacker does, step by step, and what must come of it.

binds          binds that prove nothing, or not enough
clear_text     what goes in clear where it must not; StartTLS
operations     operations without a bind, tests of passwords, extended operations
turns          one bind at a time
names          one user, however spelled; who only looks exempt
octets         bytes that proxy and directory might read in two ways
limits         too much, too large, too slow, too often

`python -m tests.attacks` prints the table with one line a row.
"""

from __future__ import annotations

from tests.attacks.attack import Attack
from tests.attacks.table import binds, clear_text, limits, names, octets, operations, turns

ATTACKS: dict[str, tuple[Attack, ...]] = {
    "Binds that prove nothing, or not enough": binds.ATTACKS,
    "Clear text, and StartTLS": clear_text.ATTACKS,
    "Operations without a bind, tests of passwords, extended operations": operations.ATTACKS,
    "One bind at a time": turns.ATTACKS,
    "One user, however spelled": names.ATTACKS,
    "Bytes that could be read in two ways": octets.ATTACKS,
    "Limits": limits.ATTACKS,
}
