"""Tests of `ldapproxy.duo`."""
