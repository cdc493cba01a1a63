"""`python -m ldapproxy`. Owns nothing; must not know more than the command line's entry point."""

import sys

from ldapproxy.cli import main

if __name__ == "__main__":
    sys.exit(main())
