"""Faults under load, and a ledger of what was acknowledged: `python -m tests.chaos --help`.

load       clients and a follower, all at once
clients    they keep a ledger of what was acknowledged, and retry blindly
follower   it follows the feed of events meanwhile
ledger     what a client was promised, held against the table
feed       the feed, held against the table, the ledgers and what was followed
report     what a scenario found out, its figures and violations
stack      gunicorn with the repository's settings
postgres   the wheel's PostgreSQL, durable, and what can be done to it
wrapper    the service with a planted defect, for gunicorn

crashes, restarts, outages, locks, conflicts, disks, reloads, following, soak: a fault family each
"""
