"""Tests of `ldapproxy.directory`."""
