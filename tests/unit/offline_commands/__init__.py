"""Tests of `ldapproxy.offline_commands`."""
