"""`python -m tests.bench.without_pool run -c FILE`: ldapproxy whose pool keeps no directory connection.

Owns that one change, which the product has no switch for: what the pool is worth is measured against this.
"""

from __future__ import annotations

import functools
import sys

from ldapproxy import cli
from ldapproxy.net import servers
from ldapproxy.net.pool import Pool

if __name__ == "__main__":
    # As servers.py knows it, which is nobody else's name.
    vars(servers)["Pool"] = functools.partial(Pool, capacity=0)
    sys.exit(cli.main())
