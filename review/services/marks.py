"""Mark photos for retraining, and take marks back; who and when stay on record either way.

A photo has one standing mark. Whoever gives the same reason again gets that mark; who corrects
their own reason, or adds a note, takes the mark back and sets another; another's mark is theirs.
"""

from django.db import transaction
from django.utils import timezone

from hitlsite import audit, jobs
from hitlsite.bounds import as_id
from hitlsite.errors import Conflict, Forbidden, NotFound
from review.models import Mark, TrainingItem
from review.selectors.photos import visible_photos
from review.services import photo_items, privacy
from review.services.regions import clean_text, invalid

MOST_NOTE_CHARACTERS = 500
SCAN = "scan_item"


def mark(photo_id, *, by, reason, note="", at=None):
    """Send a photo for retraining and return its standing Mark.

    The first mark makes the photo an item with evidence; it waits for its privacy scan, which the
    caller asks for (``scan_marked``) once this is committed.

    Raises:
        NotFound, Forbidden: not for ``by``.
        Conflict: already_marked for another reason by somebody else, or photo_missing.
        DomainError: invalid (422); ``fields`` names the field at fault.
    """
    at = at or timezone.now()
    reason, note = _clean_reason(reason), _clean_note(note)
    with transaction.atomic():
        photo = _held_photo(photo_id, by, "review.add_mark")
        standing = _standing(photo)
        if standing is not None:
            if _says_the_same(standing, by, reason, note):
                return standing
            _refuse_another_s(standing, by)
            _end(standing, by, at)
        made = Mark.objects.create(
            photo=photo, reason=reason, note=note, marked_by=by, marked_at=at
        )
        item = photo_items.ensure(photo, made, at=at)
        detail = {"mark": made.pk, "reason": reason, "note": note, "item": item.pk}
        if standing is not None:
            detail["replaces"] = standing.pk
        audit.record("photo_marked", photo, actor=by, site=item.site, detail=detail, at=at)
    return made


def unmark(photo_id, *, by, at=None):
    """Take the standing mark of a photo back and return it; None where there is none.

    Annotations stay. An item that nobody has decided leaves the queue until the photo is marked
    again.

    Raises:
        NotFound, Forbidden: not for ``by``.
    """
    at = at or timezone.now()
    with transaction.atomic():
        photo = _held_photo(photo_id, by, "review.change_mark")
        standing = _standing(photo)
        if standing is None:
            return None
        _end(standing, by, at)
        detail = {"mark": standing.pk, "put_aside": photo_items.put_aside(photo, at=at)}
        site = photo.camera.site
        audit.record("photo_unmarked", photo, actor=by, site=site, detail=detail, at=at)
    return standing


def unscanned_item(mark):
    """Return the item of a marked photo where nobody has looked for faces yet, else None."""
    return _unscanned().filter(photo=mark.photo_id).first()


def scan_marked(item_id, *, scanner=None):
    """Look for faces on a marked photo that waits for it; return its item, None for none.

    One worker does it however often one is asked for; where none is, the task that scans again
    what could not be scanned finds the photo.
    """
    waiting = _unscanned().filter(pk=item_id)
    item = waiting.first()
    if item is None:
        return None
    with jobs.alone(SCAN, str(item_id), site=item.site) as job:
        if job is not None and waiting.exists():
            privacy.scan_item(item, scanner=scanner)
    return item


def _unscanned():
    return TrainingItem.objects.select_related("site").filter(
        photo__isnull=False,
        privacy=TrainingItem.Privacy.UNSCANNED,
        status__in=TrainingItem.OPEN_STATUSES,
    )


def _clean_reason(reason):
    if reason not in Mark.Reason.values:
        known = ", ".join(Mark.Reason.values)
        raise invalid("reason", f"Say why: one of {known}.")
    return str(reason)


def _clean_note(note):
    return clean_text("note", note or "", most=MOST_NOTE_CHARACTERS)


def _held_photo(photo_id, by, permission):
    """Return the photo, its row held by this transaction: of two marks at once, one is second.

    The row of its item is held before it: a verdict on that holds the item first, then the photo.
    """
    items = TrainingItem.objects.filter(photo__in=visible_photos(by).filter(pk=as_id(photo_id)))
    list(items.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))
    photo = (
        visible_photos(by)
        .filter(pk=as_id(photo_id))
        .select_for_update(of=("self",), no_key=True)
        .select_related("camera__site")
        .first()
    )
    if photo is None:
        raise NotFound(f"There is no photo {str(photo_id)[:20]}.")
    if not by.has_perm(permission):
        raise Forbidden("You may not mark photos for retraining.")
    return photo


def _standing(photo):
    return photo.marks.filter(unmarked_at__isnull=True).select_related("marked_by").first()


def _says_the_same(standing, by, reason, note):
    is_own = standing.marked_by_id == by.pk
    return standing.reason == reason and (not note or note == standing.note or not is_own)


def _refuse_another_s(standing, by):
    if standing.marked_by_id == by.pk:
        return
    who = standing.marked_by.get_full_name() or standing.marked_by.get_username()
    reason = standing.get_reason_display().lower()
    raise Conflict(
        f"{who} marked photo {standing.photo_id} as {reason}: take that mark back first to give"
        " another reason.",
        code="already_marked",
    )


def _end(standing, by, at):
    standing.unmarked_by, standing.unmarked_at = by, at
    standing.save(update_fields=["unmarked_by", "unmarked_at"])
