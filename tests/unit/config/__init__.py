"""Tests of `ldapproxy.config`."""
