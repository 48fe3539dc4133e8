"""Pages of rows by rising age: a cursor is the id of the last row that was shown."""

from drf_spectacular.utils import OpenApiParameter

from hitlsite.bounds import as_id
from hitlsite.errors import DomainError

PAGE_SIZE = 50
CURSOR = OpenApiParameter("cursor", description="next_cursor of the page before")


def page_of(found, cursor):
    """Return (rows, the next cursor or None) of a queryset, the newest first.

    Raises:
        DomainError: cursor_invalid.
    """
    found = found.order_by("-pk")
    if cursor:
        found = found.filter(pk__lt=_read(cursor))
    page = list(found[: PAGE_SIZE + 1])
    following = str(page[PAGE_SIZE - 1].pk) if len(page) > PAGE_SIZE else None
    return page[:PAGE_SIZE], following


def _read(text):
    pk = as_id(text)
    if pk is None:
        raise DomainError("cursor_invalid", "The cursor is not one that a page gave.", status=400)
    return pk


def chosen(params, name, known):
    """Return what a filter is set to, None where it is not.

    Raises:
        DomainError: invalid, where it is none of ``known``.
    """
    value = params.get(name)
    if not value:
        return None
    if value not in known:
        told = f"This must be one of {', '.join(known)}."
        raise DomainError("invalid", f"{name}: {told}", fields={name: told})
    return value


def id_of(params, name):
    """Return the id that a filter names, None where it names none.

    Raises:
        DomainError: invalid.
    """
    text = params.get(name)
    if not text:
        return None
    pk = as_id(text)
    if pk is None:
        told = "This must be an id."
        raise DomainError("invalid", f"{name}: {told}", fields={name: told})
    return pk
