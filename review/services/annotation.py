"""Save what a person says about one picture: its boxes, or that there is nothing in it.

States are only added, never changed. Of two people who save at once one wins and the other is
told. Nothing is taken for a negative that was not said to be one.
"""

from django.db import IntegrityError, transaction
from django.utils import timezone

from detection.models import Evidence
from hitlsite import audit
from hitlsite.bounds import as_id
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from review import selectors
from review.annotation_checks import findings
from review.models import Annotation, Decision, TrainingItem
from review.selectors import annotations as drawn
from review.selectors import visible_items
from review.services import decisions, label_classes
from review.services.queue import claimed
from review.services.regions import MOST_BOXES, clean_box, invalid

ADD = "review.add_annotation"
DRAWN, ACCEPTED, PROPAGATED, IMPORTED = ORIGINS = ("drawn", "accepted", "propagated", "imported")
DIGITS = 6
# Verdicts on an item that stays open after them.
PENDING_EFFECTS = (Decision.Effect.WAITING, Decision.Effect.HELD, Decision.Effect.COUNTED)
Status = TrainingItem.Status


def save(
    item_id,
    evidence_id,
    *,
    by,
    boxes,
    exhaustive=(),
    is_negative=False,
    version,
    confirmed_odd=False,
    at=None,
):
    """Append what ``by`` says about a picture and return the Annotation.

    Saving the boxes of an open photo item confirms it; the confirmation may have to wait until
    the photo's faces are hidden.

    Args:
        boxes: [{label, box_xyxy, origin, track_id}], the last two optional.
        exhaustive: indices of the classes of which every one in the picture is boxed. A negative
            that lists none is one for every class of the site.
        version: of the state that ``by`` had before them, 0 for none.
        confirmed_odd: ``by`` was shown what looked odd and means it.

    Raises:
        NotFound, Forbidden: not for ``by``.
        Conflict: stale_version (names who saved meanwhile), claimed, already_decided, in_use.
        DomainError: invalid, ``fields`` naming each box; look_again with what looked odd.
    """
    at = at or timezone.now()
    if not by.has_perm(ADD):
        raise Forbidden("You may not draw boxes.")
    if type(version) is not int or version < 0:
        raise invalid("version", "This must be the number of the version that you saw.")
    with transaction.atomic():
        item, evidence = _held(item_id, evidence_id, by)
        _refuse_closed(item, by, at)
        before = _refuse_stale(evidence, version, at)
        said, odd = _checked(item, evidence, boxes, exhaustive, is_negative)
        if odd and confirmed_odd is not True:
            raise look_again(odd)
        codes = [finding.code for finding in odd]
        saved = append(item, evidence, by=by, before=before, odd=codes, at=at, **said)
        if item.photo_id is not None and item.is_open:
            _confirm(item, by, at)
    return saved


def _checked(item, evidence, boxes, exhaustive, is_negative):
    """Return (the columns of a sound state, what looks odd about it)."""
    classes = label_classes.ensure(item.site)
    standing = drawn.standing_classes(classes)
    boxes, exhaustive = clean_boxes(boxes, standing), _exhaustive(exhaustive, standing)
    if is_negative:
        exhaustive = _negative(boxes, exhaustive, standing)
    elif not boxes:
        raise invalid("boxes", "There are no boxes. Say 'nothing here' if that is what you mean.")
    odd = _odd(item, evidence, boxes, exhaustive, classes, standing)
    return {"boxes": boxes, "exhaustive": exhaustive, "is_negative": is_negative}, odd


def append(
    item, evidence, *, by, boxes, exhaustive, is_negative=False, before=0, odd=(), origin="", at
):
    """Store a checked state as the current one; runs in the transaction that holds the item.

    Raises:
        Conflict: stale_version, where somebody was faster.
    """
    Annotation.objects.filter(evidence=evidence, is_current=True).update(is_current=False)
    try:
        with transaction.atomic():
            saved = Annotation.objects.create(
                item=item,
                evidence=evidence,
                version=before + 1,
                boxes=boxes,
                exhaustive=exhaustive,
                is_negative=is_negative,
                annotated_by=by,
                annotated_at=at,
            )
    except IntegrityError:
        message = "Somebody saved boxes of this picture in the same moment."
        raise Conflict(message, code="stale_version") from None
    detail = {
        "item": item.pk,
        "evidence": evidence.pk,
        "version": saved.version,
        "boxes": len(boxes),
        "is_negative": is_negative,
        "exhaustive": len(exhaustive),
        "odd": sorted(set(odd)),
        "origin": origin,
    }
    audit.record("boxes_saved", saved, actor=by, site=item.site, detail=detail, at=at)
    return saved


def look_again(odd):
    """Return the refusal that shows what looked odd, by box and by detection."""
    fields = {}
    for finding in odd:
        said = fields.get(finding.field)
        fields[finding.field] = f"{said} {finding.message}" if said else finding.message
    rest = f" And {len(odd) - 1} more." if len(odd) > 1 else ""
    return DomainError("look_again", f"Look again: {odd[0].message}{rest}", fields=fields)


def clean_boxes(boxes, standing):
    """Return [{label, box_xyxy, origin, track_id?}] of what a person drew.

    Args:
        standing: {index: the LabelClass that counts}.

    Raises:
        DomainError: invalid; ``fields`` names each box at fault, from 0, the message from 1.
    """
    if not isinstance(boxes, list | tuple):
        raise invalid("boxes", "This must be a list.")
    if len(boxes) > MOST_BOXES:
        raise invalid("boxes", f"At most {MOST_BOXES} boxes, not {len(boxes)}.")
    cleaned, wrong = [], {}
    for position, box in enumerate(boxes):
        try:
            cleaned.append(_clean(f"boxes.{position}", box, standing))
        except DomainError as error:
            wrong |= {name: f"Box {position + 1}: {text}" for name, text in error.fields.items()}
    if wrong:
        raise DomainError("invalid", next(iter(wrong.values())), fields=wrong)
    return cleaned


def _clean(field, box, standing):
    if not isinstance(box, dict):
        raise invalid(field, "This is no box.")
    label = box.get("label")
    if type(label) is not int or label not in standing:
        raise invalid(field, "This class is not known here.")
    edges = [round(edge, DIGITS) for edge in clean_box(field, box.get("box_xyxy"))]
    if not (edges[0] < edges[2] and edges[1] < edges[3]):
        raise invalid(field, "It has no area.")
    origin = box.get("origin") or DRAWN
    if origin not in ORIGINS:
        raise invalid(field, f"Its origin is one of {', '.join(ORIGINS)}.")
    cleaned = {"label": standing[label].index, "box_xyxy": edges, "origin": origin}
    track = box.get("track_id")
    if track is not None:
        if type(track) is not int or as_id(abs(track)) is None:
            raise invalid(field, "Its track is a number.")
        cleaned["track_id"] = track
    return cleaned


def _held(item_id, evidence_id, by):
    """Return (item, evidence) with the item's row held by this transaction."""
    items = (
        visible_items(by)
        .select_for_update(of=("self",), no_key=True)
        .select_related("site", "claimed_by")
    )
    item = items.filter(pk=as_id(item_id)).first()
    if item is None:
        raise NotFound(f"There is no item {str(item_id)[:20]}.")
    owner = {"photo": item.photo_id} if item.photo_id else {"incident": item.incident_id}
    stills = Evidence.objects.filter(**owner).exclude(kind=Evidence.Kind.CLIP)
    evidence = stills.select_related("photo").filter(pk=as_id(evidence_id)).first()
    if evidence is None or not selectors.media_access(by, evidence):
        raise NotFound(f"There is no picture {str(evidence_id)[:20]} of item {item.pk}.")
    return item, evidence


def _refuse_closed(item, by, at):
    """Refuse what another is working on, what is rejected, and what has been used."""
    if item.photo_id and item.status == Status.REJECTED:
        raise Conflict(
            f"Photo item {item.pk} is rejected: a supervisor must reopen it first.",
            code="already_decided",
        )
    if item.used_at is not None and not by.has_perm("review.resolve_trainingitem"):
        raise Conflict(
            f"Item {item.pk} has been used by an export or a dataset: only a supervisor changes"
            " its boxes now.",
            code="in_use",
        )
    is_claimed = item.claimed_by_id and item.claim_expires_at and item.claim_expires_at > at
    if is_claimed and item.claimed_by_id != by.pk:
        raise claimed(item)


def _refuse_stale(evidence, version, at):
    """Return the number of the last version, which must be the one that was seen."""
    last = evidence.annotations.select_related("annotated_by").order_by("-version").first()
    found = last.version if last else 0
    if version == found:
        return found
    if last is None:
        raise Conflict("There are no boxes of this picture yet.", code="stale_version")
    who = last.annotated_by.get_full_name() or last.annotated_by.get_username()
    seconds = max(int((at - last.annotated_at).total_seconds()), 0)
    when = f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
    raise Conflict(
        f"{who} saved boxes of this picture {when} ago (version {found}); you began from"
        f" version {version}.",
        code="stale_version",
        fields={"version": str(found)},
    )


def _exhaustive(given, standing):
    if not isinstance(given, list | tuple):
        raise invalid("exhaustive", "This must be a list of classes.")
    if not all(type(label) is int and label in standing for label in given):
        raise invalid("exhaustive", "One of these classes is not known here.")
    return sorted({standing[label].index for label in given})


def _negative(boxes, exhaustive, standing):
    if boxes:
        raise invalid("is_negative", "A picture with boxes cannot be one with nothing in it.")
    return exhaustive or sorted({one.index for one in standing.values()})


def _odd(item, evidence, boxes, exhaustive, classes, standing):
    seen = [one for one, _ in drawn.detections(evidence, drawn.indices_by_name(classes))]
    return findings(
        [(box["label"], box["box_xyxy"]) for box in boxes],
        size=(evidence.width, evidence.height),
        names={one.index: one.name for one in classes},
        exhaustive=exhaustive,
        history=drawn.shapes_by_label(item.site, standing, but=evidence.pk) if boxes else {},
        detections=seen,
    )


def _confirm(item, by, at):
    """Confirm a photo's item, unless the same person has given a verdict that still stands."""
    standing = item.decisions.filter(effect__in=PENDING_EFFECTS, reviewer=by, undone_by=None)
    if not standing.exists():
        decisions.decide(item.pk, by=by, verdict=Decision.Verdict.CONFIRMED, at=at)
