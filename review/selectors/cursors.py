"""Cursors of keyset pages: the sort key of the last row shown, as text that fits into a URL."""

import base64
import binascii
import json

from hitlsite.bounds import read_json
from hitlsite.errors import DomainError


def encoded(*parts) -> str:
    """Return a cursor of the numbers and texts that a list is sorted by."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decoded(cursor: str, read):
    """Return what ``read`` makes of the parts of a cursor, which anybody may have written.

    Args:
        read: called with the parts; returns None, or raises ValueError, TypeError or
            OverflowError, where they are none that a page would give.

    Raises:
        DomainError: cursor_invalid (400).
    """
    try:
        padding = "=" * (-len(cursor) % 4)
        parts = read_json(base64.b64decode(cursor + padding, altchars=b"-_", validate=True))
        found = read(*parts)
    except (ValueError, TypeError, OverflowError, binascii.Error):
        found = None
    if found is None:
        raise bad_cursor()
    return found


def bad_cursor() -> DomainError:
    """Return what is raised for a cursor that is none."""
    return DomainError("cursor_invalid", "The cursor is not one that a page gave.", status=400)
