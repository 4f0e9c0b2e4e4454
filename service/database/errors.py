"""What callers of the database have to expect."""


class Unavailable(Exception):
    """The database can't be reached, is locked or full, or refused the work for now.

    Its text is for the log; it holds no user's value.
    """
