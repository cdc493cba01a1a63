"""Attacks on the running proxy, on the wire, with a real slapd that allows unauthenticated binds behind it.

attack              what a row of the table says
table               the table
steps               what a row is made of: what an attacker does, what must come of it
people              entries that attackers own or aim at
scene               slapd, Duo, and one proxy with every kind of listener; what each of them saw
test_table          runs every row on every listener that it names
"""
