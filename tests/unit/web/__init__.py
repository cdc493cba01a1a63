"""Tests of `ldapproxy.web`."""
