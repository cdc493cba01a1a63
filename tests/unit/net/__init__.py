"""Tests of `ldapproxy.net`."""
