"""Tests of the running product: real processes, sockets, TLS."""
