"""What holds for every test: the rule about skips, the one reactor, and the Hypothesis profile."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester", "tests.support.skips", "tests.support.reactor", "tests.support.samba"]

# Two cores run several test files at once: an example that took long says nothing about the code.
settings.register_profile(
    "ldapproxy", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("ldapproxy")
