"""Write down how a category is to be judged, and point at items that show what is meant."""

from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from detection.models import Incident
from hitlsite import audit
from hitlsite.bounds import as_id
from hitlsite.errors import Conflict, Forbidden, NotFound
from review.guideline_texts import TEXTS
from review.models import Guideline, GuidelineExample, TrainingItem
from review.selectors import visible_items
from review.services.regions import clean_text, invalid

MOST_CHARACTERS = 5000
MOST_NOTE = 300
MOST_EXAMPLES = 30
Kind, Status = GuidelineExample.Kind, TrainingItem.Status

_WRITTEN = Guideline.objects.filter(site=OuterRef("site"), category=OuterRef("category"))
# Of a queryset of items: the number of the guideline by which an item is to be judged now.
VERSION_IN_FORCE = Coalesce(Subquery(_WRITTEN.order_by("-version").values("version")[:1]), 0)


@dataclass(frozen=True)
class Current:
    """What holds now; version 0 is the text that the product brings along."""

    version: int
    text: str
    examples: list[GuidelineExample]


def current(site, category):
    """Return the text that holds at a site now, with its examples.

    Raises:
        NotFound: there is no such category.
    """
    require_category(category)
    last = Guideline.objects.filter(site=site, category=category).order_by("-version").first()
    version, text = (last.version, last.text) if last else (0, TEXTS[category])
    return Current(version, text, examples(site, category))


def examples(site, category):
    """Return the examples of a category whose items are decided and private still."""
    return list(
        GuidelineExample.objects.filter(
            site=site,
            category=category,
            item__status__in=[Status.CONFIRMED, Status.REJECTED],
            item__privacy__in=[TrainingItem.Privacy.CLEAR, TrainingItem.Privacy.REDACTED],
        )
        .select_related("item__camera", "item__incident", "item__photo__evidence", "added_by")
        .prefetch_related("item__incident__evidence")
        .order_by("pk")
    )


def require_category(category):
    """Raise NotFound for what is no category."""
    if category not in Incident.Category.values:
        raise NotFound(f"There is no category {str(category)[:40]!r}.")


def write(site, category, text, *, by, version=None, at=None):
    """Add a version of a category's text and return it; the ones before it stay.

    Args:
        version: the version that was rewritten; None checks nothing.

    Raises:
        Forbidden: ``by`` may not write guidelines.
        NotFound: there is no such category, or no such site for ``by``.
        Conflict: stale_version, when somebody else has written one since.
        DomainError: invalid; the text is empty, too long, or says what it said before.
    """
    at = at or timezone.now()
    if not by.has_perm("review.add_guideline"):
        raise Forbidden("You may not write guidelines.")
    require_category(category)
    if not type(site).objects.visible_to(by).filter(pk=site.pk).exists():
        raise NotFound(f"There is no site {site.pk}.")
    # A browser sends line ends of its own.
    text = clean_text("text", text.replace("\r\n", "\n"), most=MOST_CHARACTERS)
    if not text:
        raise invalid("text", "Say what is right and what is wrong.")
    try:
        with transaction.atomic():
            return _write(site, category, text, by, version, at)
    except IntegrityError:
        raise _stale(category) from None


def _write(site, category, text, by, version, at):
    before = current(site, category)
    if version is not None and version != before.version:
        raise _stale(category)
    if text == before.text.strip():
        raise invalid("text", "This is what it says already.")
    written = Guideline.objects.create(
        site=site,
        category=category,
        version=before.version + 1,
        text=text,
        written_by=by,
        written_at=at,
    )
    detail = {"category": category, "version": written.version, "text": text}
    audit.record("guideline_written", written, actor=by, site=site, detail=detail, at=at)
    return written


def _stale(category):
    return Conflict(
        f"Somebody has written a new text for {category.replace('_', ' ')} since you opened it:"
        " yours is still in the field, read theirs first.",
        code="stale_version",
    )


def versions(site, category):
    """Return every version that was written at a site, the newest first."""
    written = Guideline.objects.filter(site=site, category=category)
    return list(written.select_related("written_by").order_by("-version"))


def add_example(item_id, *, by, kind, note="", category="", at=None):
    """Let an item show what is right, wrong or borderline in a category; return the example.

    An item that is one already becomes one of the new kind.

    Args:
        category: the item's own by default.

    Raises:
        NotFound, Forbidden: not for ``by``.
        Conflict: not_decided or not_private, or too_many examples.
        DomainError: invalid.
    """
    at = at or timezone.now()
    if not by.has_perm("review.add_guidelineexample"):
        raise Forbidden("You may not choose examples.")
    if kind not in Kind.values:
        raise invalid("kind", f"This must be one of {', '.join(Kind.values)}.")
    note = clean_text("note", note or "", most=MOST_NOTE)
    with transaction.atomic():
        item = _exemplary(item_id, by)
        category = category or item.category
        require_category(category)
        chosen = GuidelineExample.objects.filter(site=item.site_id, category=category)
        if chosen.exclude(item=item).count() >= MOST_EXAMPLES:
            message = f"There are {MOST_EXAMPLES} examples already: remove one first."
            raise Conflict(message, code="too_many")
        example, _ = chosen.update_or_create(
            item=item,
            site=item.site,
            category=category,
            defaults={"kind": kind, "note": note, "added_by": by, "added_at": at},
        )
        detail = {"item": item.pk, "category": category, "kind": kind, "note": note}
        audit.record("example_added", example, actor=by, site=item.site, detail=detail, at=at)
    return example


def _exemplary(item_id, by):
    held = visible_items(by).select_for_update(of=("self",), no_key=True).select_related("site")
    item = held.filter(pk=as_id(item_id)).first()
    if item is None:
        raise NotFound(f"There is no item {str(item_id)[:20]}.")
    if item.status not in (Status.CONFIRMED, Status.REJECTED):
        raise Conflict(f"Item {item.pk} is not decided: it shows nothing yet.", code="not_decided")
    if not item.is_private:
        raise Conflict(
            f"Item {item.pk} shows faces: redact it before others are shown it.",
            code="not_private",
        )
    return item


def remove_example(example_id, *, by, at=None):
    """Let an item be an example no longer.

    Raises:
        NotFound, Forbidden: not for ``by``.
    """
    if not by.has_perm("review.delete_guidelineexample"):
        raise Forbidden("You may not remove examples.")
    with transaction.atomic():
        mine = GuidelineExample.objects.visible_to(by).select_related("site")
        example = mine.filter(pk=as_id(example_id)).first()
        if example is None:
            raise NotFound(f"There is no example {str(example_id)[:20]}.")
        detail = {"item": example.item_id, "category": example.category, "kind": example.kind}
        site = example.site
        audit.record("example_removed", example, actor=by, site=site, detail=detail, at=at)
        example.delete()
    return example
