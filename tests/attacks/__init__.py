"""Attacks on the running proxy, on the wire, with a real slapd that allows unauthenticated binds behind it.

attack            what a row of the table says
table             the table; `python -m tests.attacks` prints it
steps             what a row is made of: what an attacker does, what must come of it
people            entries that attackers own or aim at
scene             slapd, Duo, and one proxy with every kind of listener; what each of them saw
test_table        runs every row on every listener that it names

tampering         somebody between the proxy and the directory
test_tampering    attacks from there

encodings         odd encodings of a message
test_agreement    the proxy's view of each, and slapd's
"""
