"""What a provider's name is, for the configuration as for requests."""

PATTERN = r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?"
