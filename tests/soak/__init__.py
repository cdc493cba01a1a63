"""Mixed traffic, faults on every leg, and at the end the question whether anything is left behind.

    python -m tests.soak --minutes 20        (or `make soak MINUTES=20`)

soak          a run: rounds of traffic and weather, each followed by calm in which everything is looked at
people        who logs in: what the phone of each does, and for which reasons they may be let in at all
place         slapd, the Duo simulator, and one proxy with listeners of every kind
caller        one client connection, whose binds are entered in the ledger
visits        what clients do: log in, bind again, leave at any moment, send nonsense
weather       what goes wrong meanwhile: Duo, the directory, certificates, signals, the audit file
ledger        what clients sent and were answered
audit         the audit log, read while it grows and is rotated
books         do ledger, audit log and metrics agree; was anybody let in for a reason that does not admit
vitals        memory, descriptors, threads and processor time of the proxy, from /proc
roll_call     in calm: every kind of login on every kind of listener, with the one right answer
report        what a run found, as text
test_short    half a minute of it, for every change
test_books    would the books notice?
"""
