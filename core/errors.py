"""Errors whose text is safe and useful to show to the person who caused them."""


class DomainError(Exception):
    """Something the rules of the house forbid. The message says what to do; nothing was written."""

    status_code = 409


class InvalidInput(DomainError):
    """Input that cannot be taken as it is. `errors` lists every fault found, one sentence each."""

    status_code = 422

    def __init__(self, message, errors=()):
        super().__init__(message)
        self.errors = list(errors)


class NotAllowed(DomainError):
    """The person may not do this."""

    status_code = 403


class Conflict(DomainError):
    """Someone or something else was first."""


class Archived(Conflict):
    """The project can only be read."""

    def __init__(self, project):
        super().__init__(
            f"“{project}” is archived: it can be read, not changed. An admin of it can bring it back, under Project in "
            "its menu."
        )
