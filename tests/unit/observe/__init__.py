"""Tests of `ldapproxy.observe`."""
