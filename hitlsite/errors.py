"""The one exception that crosses layers.

Services and pure code raise ``DomainError`` when a request cannot be carried out; every door
(page, API, command, task) turns it into its own form of the same sentence.
"""


class DomainError(Exception):
    """A refusal that a person can read and act upon.

    Args:
        code: a stable snake_case word for machines ("zone_invalid").
        message: one sentence naming the thing at fault.
        fields: messages by field name or by dotted path inside a file.
        status: the HTTP status that the API answers with.
    """

    def __init__(self, code, message, *, fields=None, status=422):
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = dict(fields or {})
        self.status = status

    @property
    def messages(self):
        """The (field, sentence) pairs of ``fields``; a field may have any name, "items" too."""
        return list(self.fields.items())

    def as_dict(self):
        return {"error": {"code": self.code, "message": self.message, "fields": self.fields}}


class NotFound(DomainError):
    """The thing does not exist, or the asker may not know that it does."""

    def __init__(self, message="Not found.", *, code="not_found", fields=None):
        super().__init__(code, message, fields=fields, status=404)


class Forbidden(DomainError):
    """The asker may see the thing but not do this to it."""

    def __init__(self, message, *, code="forbidden", fields=None):
        super().__init__(code, message, fields=fields, status=403)


class Conflict(DomainError):
    """The thing moved on, or somebody else holds it."""

    def __init__(self, message, *, code="conflict", fields=None):
        super().__init__(code, message, fields=fields, status=409)
