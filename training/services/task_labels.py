"""Save what people call which stretch of a video; every save is a version, and none is lost.

Of two people who save at once one wins and the other is told who and when. Undo is an earlier
version saved again.
"""

from django.db import IntegrityError, transaction
from django.utils import timezone

from detection.models import Footage
from hitlsite import audit
from hitlsite.bounds import as_id
from hitlsite.errors import Conflict, DomainError, NotFound
from training.models import SpanAnnotation
from training.services import label_sets
from training.services.label_sets import add_label_set, change_label, extend, remove_label, rename

__all__ = [
    "add_label_set",
    "change_label",
    "current",
    "extend",
    "import_labels",
    "parse_labels",
    "remove_label",
    "rename",
    "restore",
    "save",
    "spans_from_frames",
]

ADD = "training.add_spanannotation"
Source = SpanAnnotation.Source


def current(label_set, footage):
    """Return the SpanAnnotation that counts, None where nobody has labelled the video."""
    rows = SpanAnnotation.objects.filter(label_set=label_set, footage=footage, is_current=True)
    return rows.select_related("annotated_by").first()


def parse_labels(text):
    """Return the LabelFile of a text; see ``training.learning.label_files``."""
    from training.learning import label_files

    return label_files.parse_labels(text)


def spans_from_frames(rows, times):
    """Return the spans of labelled frames; see ``training.learning.spans``."""
    from training.learning import spans

    return spans.spans_from_frames(rows, times)


def save(label_set_id, footage_id, *, by, spans, version, source="drawn"):
    """Append what ``by`` calls the stretches of a video and return the SpanAnnotation.

    What is current already is not stored again, whoever says it once more.

    Args:
        spans: [start, end, label] in any order; none at all empties the video.
        version: of the state that ``by`` began from, 0 for none.

    Raises:
        NotFound, Forbidden: not for ``by``.
        Conflict: stale_version, naming who saved meanwhile, and when.
        DomainError: spans_invalid with fields by place, version_invalid, source_unknown.
    """
    _require(by, version, source)
    with transaction.atomic():
        label_set, footage = _held(label_set_id, footage_id, by)
        before = current(label_set, footage)
        rows = _clean(spans, label_set, footage)
        if before is not None and before.spans == rows:
            return before
        _refuse_stale(before, version)
        return _append(label_set, footage, rows, before, by=by, source=source)


def _require(by, version, source):
    label_sets.require(by, ADD, "You may not label videos.")
    if type(version) is not int or version < 0:
        told = "This must be the number of the version that you saw."
        raise DomainError("version_invalid", f"version: {told}", fields={"version": told})
    if source not in Source.values:
        known = ", ".join(Source.values)
        raise DomainError("source_unknown", f"{str(source)[:40]} is none of {known}.")


def _held(label_set_id, footage_id, by):
    """Return a label set and a video of its site, in the transaction that holds the set's row."""
    label_set = label_sets.held(label_set_id, by)
    footage = label_sets.visible(Footage, by).filter(pk=as_id(footage_id))
    footage = footage.filter(camera__site=label_set.site_id).select_related("camera").first()
    if footage is None:
        raise NotFound(f"There is no footage {str(footage_id)[:20]} for this label set.")
    return label_set, footage


def _clean(spans, label_set, footage):
    from training.learning.spans import checked

    duration, labels = footage.duration_seconds, label_set.label_names
    return [list(span) for span in checked(spans, duration=duration, labels=labels)]


def _refuse_stale(before, version):
    """Refuse what began from another version than the current one."""
    if version == (before.version if before else 0):
        return
    if before is None:
        raise Conflict("Nobody has labelled this video: reload the page.", code="stale_version")
    who = before.annotated_by.get_username() if before.annotated_by else "The operator"
    at = timezone.localtime(before.annotated_at)
    raise Conflict(
        f"{who} saved version {before.version} of these labels on {at:%Y-%m-%d} at {at:%H:%M:%S}"
        f" ({at.tzname()}), after you began.",
        code="stale_version",
        fields={"version": str(before.version)},
    )


def _append(label_set, footage, rows, before, *, by, source):
    """Store a checked state as the current one, and tell the spans that waited for it."""
    from training.services import spans_to_label

    if before is not None:
        SpanAnnotation.objects.filter(pk=before.pk).update(is_current=False)
    try:
        with transaction.atomic():
            saved = SpanAnnotation.objects.create(
                label_set=label_set,
                footage=footage,
                version=before.version + 1 if before else 1,
                spans=rows,
                source=source,
                annotated_by=by,
            )
    except IntegrityError:
        message = "Somebody saved labels of this video in the same moment."
        raise Conflict(message, code="stale_version") from None
    detail = {
        "label_set": label_set.pk,
        "footage": footage.pk,
        "version": saved.version,
        "spans": len(rows),
        "source": str(source),
    }
    audit.record("spans_saved", saved, actor=by, site=label_set.site, detail=detail)
    spans_to_label.labelled(saved)
    return saved


def restore(label_set_id, footage_id, earlier, *, by, version):
    """Save the spans of an earlier version again and return the SpanAnnotation.

    Raises:
        NotFound: there is no such version; and what ``save`` raises, a label of the earlier
            version that the set has no more among it.
    """
    with transaction.atomic():
        label_set, footage = _held(label_set_id, footage_id, by)
        rows = SpanAnnotation.objects.filter(label_set=label_set, footage=footage)
        found = rows.filter(version=as_id(earlier)).first()
        if found is None:
            raise NotFound(f"These labels have no version {str(earlier)[:20]}.")
        return save(
            label_set.pk,
            footage.pk,
            by=by,
            spans=found.spans,
            version=version,
            source=found.source,
        )


def import_labels(label_set, footage, text, *, by, frame_times=None, version=None):
    """Save the labels of a file in place of what is current and return the SpanAnnotation.

    Args:
        frame_times: {frame index: seconds} of all frames of the video; needed where the file
            labels frames.
        version: of the state that ``by`` replaces; the current one where it is None.

    Raises:
        DomainError: labels_unreadable, labels_unknown, frames_missing, frame_twice,
            frames_unknown; and what ``save`` raises.
    """
    file = parse_labels(text)
    unknown = [name for name in file.label_names if name not in label_set.label_names]
    if unknown:
        told = ", ".join(name[:60] for name in unknown[:5]) + ("..." if unknown[5:] else "")
        raise DomainError(
            "labels_unknown",
            f"The label set {label_set} has no label {told}: add it to the set first.",
            fields={"labels": f"Unknown: {told}."},
        )
    if version is None:
        before = current(label_set, footage)
        version = before.version if before else 0
    return save(
        label_set.pk,
        footage.pk,
        by=by,
        spans=_spans_of(file, footage, frame_times),
        version=version,
        source=Source.FILE,
    )


def _spans_of(file, footage, frame_times):
    from training.learning.spans import within

    if file.spans is not None:
        return list(file.spans)
    if not frame_times:
        message = "Nobody has measured the frames of this video yet: import start,end,label."
        raise DomainError("frames_unknown", message)
    spans = spans_from_frames(file.frames, frame_times)
    # The last frame may last longer than its video says that it does.
    end = footage.duration_seconds
    return spans if end is None else within(spans, 0.0, end)
