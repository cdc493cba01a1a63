"""Offline authenticators: a way in while Duo is away, for those who enrolled before.

settings          what the configuration says about them
codes             TOTP (RFC 6238) and recovery codes                                            pure
authenticators    is this code a way in: replay, locks, limits                                  pure
spans             spans of time in words                                                        pure
token_file        hardware tokens from a CSV file                                               pure
address           the URL of a store
place             what a database needs to know about where it is kept
sqlite_file       a store in an SQLite file: permissions, locks, damage
postgres_server   a store on a PostgreSQL server: TLS, time limits
vault             encryption of secrets, rotation of keys
schema            the tables
migrations        how a store gets from any earlier version to today's
database          transactions, and the one table of everything that can go wrong
accounts          rows become states of the pure floor, and back
renewals          online logins that the store has not heard of yet
store             for logins: verify a code, hear of online logins; asyncio
room              what an account has room for: labels, how many authenticators
overview          lists of accounts and authenticators
rotation          encrypts everything anew with the first key
administration    for the portal and the command line: enrol, confirm, list, revoke, import; blocking
qr                QR codes of provisioning URIs
"""
