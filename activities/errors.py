"""What can go wrong outside, as types. Temporal decides by type whether to try again; nobody reads an error's text."""


class OutsideError(Exception):
    """Something outside did not do what we asked."""


class Unavailable(OutsideError):
    """Theirs, for now: the request certainly had no effect. Temporal tries again."""


class RateLimited(Unavailable):
    """Theirs, for now, and they said how long: `retry_after_seconds`."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Misconfigured(OutsideError):
    """Ours: wrong key, unknown account, refused parameters. Never tried again; a person is asked."""


class NotFound(OutsideError):
    """The thing we asked for does not exist there. Never tried again; a person is asked."""
