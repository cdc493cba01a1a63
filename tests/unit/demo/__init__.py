"""Tests of `ldapproxy.demo`."""
