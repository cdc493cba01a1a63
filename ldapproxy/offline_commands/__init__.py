"""`ldapproxy offline`: what administrators do with offline authenticators.

arguments       options, their defaults and the help
command_line    what is done, printed and asked; exit codes
accounts        whose account a name is: the directory is asked
table           the table that `list` prints; pure
"""
