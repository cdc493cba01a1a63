"""Tests of `ldapproxy.auth`."""
