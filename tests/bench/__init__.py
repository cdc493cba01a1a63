"""How fast ldapproxy is, next to its peers.

    make bench
    python -m tests.bench --only bind,search --rounds 2

__main__        the command line
cases           what is measured, one file a subject
plan            rounds, and whose turn it is
place           slapd, its peers, a Duo simulator; proxies, as cases need them
servers         back-ldap and HAProxy
data            entries to search for
load            the load generator, compiled from load.c (and ldap.h) at the start
paid            a run together with what it cost the server
processes       processor time and memory of a process
without_pool    ldapproxy whose pool keeps nothing
shared_port     ldapproxy whose ports other processes may share
figures         medians, ratios, goals
report          the results as text
record          the results as JSON: results/latest.json
history         a line a run, and what has become worse: results/history.jsonl
plot            the picture of the README: results/plot.svg
machine         commit, versions, processors

Measurements of their own, started by hand:

duo_calls       what one call to Duo costs, alone and while others wait
outage          what an outage of Duo costs a login, until it is known and then
"""
