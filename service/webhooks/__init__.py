"""Every event to every address, in order, at least once.

The address says how far it is (`store.webhooks`): whoever is killed or restarted goes on from
there. `sending` makes one attempt, `delivering` decides what comes next.
"""
