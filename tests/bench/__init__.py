"""Measurements that people start by hand: `python -m tests.bench.NAME`."""
