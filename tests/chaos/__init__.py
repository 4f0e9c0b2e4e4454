"""Faults under load, and a ledger of what was acknowledged: `python -m tests.chaos --help`.

load       clients that keep a ledger and retry blindly
ledger     what a client was promised, held against the table
report     what a scenario found out, its figures and violations
stack      gunicorn with the repository's settings
postgres   the wheel's PostgreSQL, durable, and what can be done to it
wrapper    the service with a planted defect, for gunicorn

crashes, restarts, outages, locks, conflicts, disks, reloads, soak: a fault family each
"""
