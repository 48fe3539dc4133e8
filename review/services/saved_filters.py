"""A reviewer's own filters under a name.

They are one person's convenience and touch no ruled data, so that no audit entry tells of them.
Whether a saved filter still means something is found out when it is used: its camera may be gone.
"""

from urllib.parse import parse_qsl, urlencode

from django.contrib.auth import get_user_model
from django.db import transaction

from hitlsite.bounds import as_id
from hitlsite.errors import Conflict, Forbidden, NotFound
from review import selectors
from review.models import SavedFilter
from review.services.regions import clean_text, invalid

MOST_SAVED = 20
LONGEST_NAME = SavedFilter._meta.get_field("name").max_length
LONGEST_QUERY = SavedFilter._meta.get_field("query").max_length
KEPT = (
    "status",
    "camera",
    "category",
    "reason",
    "since",
    "until",
    "deployment",
    "origin",
    "mode",
    "held",
)


def of(user):
    """Return what ``user`` has saved, by name."""
    return list(SavedFilter.objects.filter(user=user).order_by("name"))


def save(name, given, *, by):
    """Keep filters under a name, in place of what had that name, and return the SavedFilter.

    Its attribute ``was_replaced`` says whether something had that name.

    Args:
        given: a mapping as for ``selectors.parse_filters``; other keys are left out.

    Raises:
        Forbidden: ``by`` does not review.
        DomainError: filter_invalid; or invalid, where the name is missing or too long.
        Conflict: too_many; there are 20 others.
    """
    if not by.has_perm("review.view_trainingitem"):
        raise Forbidden("You may not review items.")
    name = " ".join(clean_text("name", name or "").split())
    if not name or len(name) > LONGEST_NAME:
        raise invalid("name", f"A name has 1 to {LONGEST_NAME} characters.")
    query = urlencode({key: given[key] for key in KEPT if given.get(key)})
    selectors.parse_filters(by, dict(parse_qsl(query)))
    if len(query) > LONGEST_QUERY:
        raise invalid("name", "These filters are too long to be kept.")
    with transaction.atomic():
        # Two tabs at once: the person's row is the lock.
        get_user_model().objects.select_for_update().get(pk=by.pk)
        others = SavedFilter.objects.filter(user=by).exclude(name=name)
        if others.count() >= MOST_SAVED:
            raise Conflict(
                f"You have {MOST_SAVED} saved filters: delete one first.", code="too_many"
            )
        kept, is_new = SavedFilter.objects.update_or_create(
            user=by, name=name, defaults={"query": query}
        )
    kept.was_replaced = not is_new
    return kept


def delete(pk, *, by):
    """Forget one of the filters that ``by`` has saved, and return its name.

    Raises:
        NotFound: there is none of this id, or it is somebody else's.
    """
    found = SavedFilter.objects.filter(user=by, pk=as_id(pk)).first()
    if found is None:
        raise NotFound(f"There is no saved filter {str(pk)[:20]}.")
    found.delete()
    return found.name
