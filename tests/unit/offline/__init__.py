"""Tests of `ldapproxy.offline`."""
