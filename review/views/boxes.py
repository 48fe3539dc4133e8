"""The box editor: what is in a picture, drawn by hand or taken from the detector's proposals."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import JsonResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from detection.models import Evidence
from hitlsite.bounds import read_json
from hitlsite.errors import DomainError, NotFound
from hitlsite.models import Job
from hitlsite.pages import page
from review import selectors
from review.forms import QueueFilterForm
from review.models import TrainingItem
from review.selectors import annotations as drawn
from review.services import (
    annotation,
    hard_negatives,
    label_classes,
    propagation,
    settlement,
    track_frames,
)
from review.services.regions import invalid
from review.views.access import reviewers_only

KEYS = 9
LONGEST_DOCUMENT = 200_000
FIRST_SHOWN = (Evidence.Kind.FRAME_PEAK, Evidence.Kind.PHOTO, Evidence.Kind.FRAME_OPEN)
LISTS = (drawn.MARKED, drawn.SPLIT, "queue")


@dataclass(frozen=True)
class Place:
    """Where a picture stands in what a person works through."""

    before: str = ""
    after: str = ""
    position: int = 0
    total: int = 0
    done: int = 0
    is_batch: bool = False


@require_http_methods(["GET", "HEAD", "POST"])
@reviewers_only
def boxes(request, pk):
    """Show the editor of one picture of an item, or save what it sent."""
    item = selectors.item_for(request.user, pk)
    stills = _stills(request.user, item)
    if not stills:
        raise NotFound(f"Item {item.pk} has no picture that you may see.", code="no_picture")
    evidence = _chosen(stills, request.GET.get("evidence"))
    place = _place(request, item, stills, evidence)
    if request.method == "POST":
        return _save(request, item, evidence, place)
    return page(request, "review/boxes.html", _context(request, item, stills, evidence, place))


def _save(request, item, evidence, place):
    """Save the posted state and say where to go on; a refusal leaves all of it on the page."""
    try:
        sent = _document(request.POST.get("document", ""))
        saved = annotation.save(item.pk, evidence.pk, by=request.user, **sent)
    except DomainError as error:
        return JsonResponse(error.as_dict(), status=error.status)
    item.refresh_from_db(fields=["status"])
    answer = {"version": saved.version, "message": _told(item, saved), "next": place.after}
    return JsonResponse(answer)


def _document(text):
    if len(text) > LONGEST_DOCUMENT:
        raise invalid("document", "These are too many boxes.")
    try:
        sent = read_json(text)
    except ValueError as error:
        raise invalid("document", f"The boxes are not JSON: {error}.") from error
    if not isinstance(sent, dict):
        raise invalid("document", "The boxes are not a mapping.")
    wanted = ("boxes", "exhaustive", "is_negative", "version", "confirmed_odd")
    if not all(name in sent for name in wanted):
        raise invalid("document", f"This needs {', '.join(wanted)}.")
    given = {name: sent[name] for name in wanted}
    return {**given, "is_negative": given["is_negative"] is True}


def _told(item, saved):
    what = "Saved: nothing here." if saved.is_negative else f"Saved: {len(saved.boxes)} boxes."
    if item.photo_id is None:
        return what
    if item.status == TrainingItem.Status.CONFIRMED:
        return f"{what} Item {item.pk} is confirmed."
    if settlement.waiting_decision(item) is None:
        return f"{what} Your confirmation is noted."
    return f"{what} Item {item.pk} is confirmed as soon as its redaction is verified."


def _stills(user, item):
    """Return the pictures of an item that ``user`` may see, in the order of their times."""
    rows = [row for row in item.evidence if not row.is_clip]
    rows = sorted(rows, key=lambda row: (row.at_seconds, row.position))
    return [row for row in rows if selectors.media_access(user, row)]


def _chosen(stills, wanted):
    if wanted:
        found = next((row for row in stills if str(row.pk) == wanted), None)
        if found is None:
            raise NotFound("There is no such picture.")
        return found
    by_kind = {row.kind: row for row in reversed(stills)}
    return next((by_kind[kind] for kind in FIRST_SHOWN if kind in by_kind), stills[0])


def _place(request, item, stills, evidence):
    """Return what comes before and after: the item's other pictures, then the list's items."""
    at = stills.index(evidence)
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in request.GET.items() if name != "evidence"})
    before = _address(item.pk, query, stills[at - 1].pk) if at > 0 else ""
    after = _address(item.pk, query, stills[at + 1].pk) if at + 1 < len(stills) else ""
    if request.GET.get("list") not in LISTS:
        return Place(before, after)
    filters = QueueFilterForm(request.GET, user=request.user).filters()
    ids = drawn.batch(request.user, request.GET["list"], filters)
    position = ids.index(item.pk) if item.pk in ids else -1
    if position > 0:
        before = before or _address(ids[position - 1], query)
    if position + 1 < len(ids):
        after = after or _address(ids[position + 1], query)
    done = len(drawn.annotated_among(ids))
    return Place(before, after, position + 1, len(ids), done, is_batch=True)


def _address(pk, query, evidence_pk=None):
    asked = query.copy()
    if evidence_pk is not None:
        asked["evidence"] = evidence_pk
    path = reverse("review:boxes", args=[pk])
    return f"{path}?{asked.urlencode()}" if asked else path


def _context(request, item, stills, evidence, place):
    classes = label_classes.ensure(item.site)
    standing = drawn.standing_classes(classes)
    saved = drawn.current(item).get(evidence.pk)
    named = drawn.indices_by_name(classes)
    proposals = drawn.detections(evidence, named)
    may_edit = request.user.has_perm(annotation.ADD)
    shown = _boxes(saved, standing)
    editor = {
        "evidence": evidence.pk,
        "user": request.user.pk,
        "site": item.site_id,
        "picture": reverse("review:evidence", args=[evidence.pk]),
        "width": evidence.width,
        "height": evidence.height,
        "version": _last_version(evidence),
        "boxes": shown,
        "exhaustive": sorted({standing[one].index for one in saved.exhaustive}) if saved else [],
        "proposals": [
            {
                "label": seen.label,
                "class_name": seen.class_name,
                "score": round(seen.score, 3),
                "box_xyxy": list(seen.box_xyxy),
                "track_id": track,
            }
            for seen, track in (proposals if may_edit else [])
        ],
        "classes": [
            {"index": one.index, "name": one.name} for one in classes if one.merged_into_id is None
        ],
        "keys": _keys(item, standing, shown, [seen.label for seen, _ in proposals]),
        "previous": place.before,
        "next": place.after,
        "isBatch": place.is_batch,
        "mayEdit": may_edit,
    }
    return {
        "item": item,
        "evidence": evidence,
        "stills": stills,
        "place": place,
        "query": urlencode([(k, v) for k, v in request.GET.items() if k != "evidence"]),
        "saved": saved,
        "saved_boxes": [(standing[box["label"]].name, box) for box in shown],
        "editor": editor,
        "class_count": len(editor["classes"]),
        "may_edit": may_edit,
        "is_used": item.used_at is not None,
        "confirms": item.photo_id is not None and item.is_open,
    }


def _last_version(evidence):
    last = evidence.annotations.order_by("-version").values_list("version", flat=True).first()
    return last or 0


def _boxes(saved, standing):
    boxes_saved = saved.boxes if saved else []
    return [{**box, "label": standing[box["label"]].index} for box in boxes_saved]


def _keys(item, standing, shown, proposed):
    """Return the nine classes that have keys: most drawn here first, then seen, then by index.

    What is on this very picture decides nothing but the tail; the page keeps the order that it
    was given first.
    """
    history = drawn.shapes_by_label(item.site, standing)
    by_use = sorted(history, key=lambda index: (-len(history[index]), index))
    others = [box["label"] for box in shown] + [label for label in proposed if label is not None]
    rest = sorted({one.index for one in standing.values()})
    return list(dict.fromkeys([*by_use, *others, *rest]))[:KEYS]


def track_labels(user, item):
    """Return what ``review/_track_labels.html`` shows of a decided item; empty where nothing is."""
    is_confirmed = propagation.is_labellable(item)
    if not (is_confirmed or hard_negatives.is_offerable(item)):
        return {}
    current = drawn.current(item)
    frames = track_frames.of_item(item)
    job = propagation.job_of(item)
    shown = [(row, current.get(row.pk)) for row in frames if selectors.media_access(user, row)]
    may_label = user.has_perm(annotation.ADD)
    return {
        "item": item,
        "is_confirmed": is_confirmed,
        "class_name": item.incident.class_name,
        "frames": shown,
        "is_working": job is not None and not job.is_finished,
        "was_done": job is not None and job.state == Job.State.DONE,
        "failure": job.error_message if job and job.state == Job.State.FAILED else "",
        "may_ask": may_label and not frames,
        "may_save": may_label and not is_confirmed and any(said is None for _, said in shown),
    }
