"""Tests of `ldapproxy.ldap`."""
