"""Look-ups with the service account: who is this entry, and which groups is it in?

settings     what the configuration says about it
entries      pure: attributes become an entry's identity and names; filters that nothing typed can change
wire         the socket beneath a connection: one deadline, a largest size, TLS that verifies
failures     what went wrong on a connection, in sentences of our own
connection   one authenticated connection to one server: the only file that knows ldap3
finding      the one entry that an account name, a SID or a login name stands for
servers      which server to ask first, and which are down
pool         kept connections, failover from one server to the next
lookup       the port of `net`: look-ups for asyncio, with a short memory
"""
