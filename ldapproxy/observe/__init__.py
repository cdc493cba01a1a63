"""What operators see: numbers and lines.

settings    what is logged, and where to
metrics     each metric, declared once, and how what happens becomes numbers
tally       numbers that change with every request, without a lock
redaction   the second line of defence against secrets in lines
logs        the program's log: JSON lines on standard error, and how it is set up
audit_log   the audit log: one JSON line per bind
sinks       where audit lines go: standard output, a file that may be rotated, syslog
"""
