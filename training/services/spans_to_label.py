"""Find stretches of videos that a person should name, and keep what became of them.

Looking through a video again finds nothing twice. What a person has named already is not asked for;
whoever saves spans that cover half of a stretch has answered it.
"""

import logging
from bisect import bisect_right

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from detection.models import Footage, TaskLog
from hitlsite import audit, jobs
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from training.learning import doubtful
from training.models import LabelSet, ModelVersion, SpanAnnotation, SpanSearch, SpanToLabel
from training.selectors import spans_to_label as selector

logger = logging.getLogger(__name__)

KIND = "spans-to-label"
State, Reason = SpanToLabel.State, SpanToLabel.Reason


def find_waiting(at=None):
    """Search all footage of which something new was said; return how many spans were found.

    One worker at a time searches.
    """
    found = 0
    with jobs.alone(KIND, "all") as job:
        if job is None:
            return 0
        for footage_id in selector.waiting_footage(at):
            try:
                found += len(find(footage_id))
            except DomainError as error:  # it keeps no other footage from being searched
                logger.warning("Footage %s has no spans to label: %s", footage_id, error.message)
    return found


def find(footage_id):
    """Search what was said of a footage since the last search; return the new SpanToLabel rows.

    Raises:
        NotFound: there is no such footage.
        DomainError: label_set_unknown, where the labels of the model are of no set of its site.
    """
    footage = Footage.objects.select_related("camera").filter(pk=footage_id).first()
    if footage is None:
        raise NotFound(f"There is no footage {str(footage_id)[:20]}.")
    search, _ = SpanSearch.objects.get_or_create(footage=footage)
    logs = list(_new_logs(footage, search))
    if not logs:
        return []
    refused, rows = None, []
    for deployment, said, rival, others in _by_deployment(footage, logs):
        try:
            rows += _candidates(footage, deployment, said, rival, others)
        except DomainError as error:
            refused = error
    found = _stored(footage, rows, max(log.pk for log in logs))
    if refused is not None:
        raise refused
    return found


def _new_logs(footage, search):
    logs = TaskLog.objects.filter(footage=footage, pk__gt=search.until_log)
    return logs.select_related("deployment").order_by("start_seconds", "pk")


def _by_deployment(footage, logs):
    """Yield (deployment, its samples, who looks on, the samples of that) for each that served."""
    serving, onlookers = {}, {}
    for log in logs:
        kept = onlookers if log.deployment.is_shadow else serving
        kept.setdefault(log.deployment, []).append(log)
    # Of several that looked on one after another, the last one differs today.
    rival = max(onlookers, key=lambda one: one.pk, default=None)
    others = _samples(onlookers[rival]) if rival else []
    for deployment in sorted(serving, key=lambda one: one.pk):
        yield deployment, _samples(serving[deployment]), rival, others


def _samples(logs):
    """Return the samples of logs by the time that they are about, each moment once."""
    said = {}
    for log in logs:
        for told_at, label, confidence in log.samples:
            at_seconds = max(told_at - log.lag_seconds, 0.0)
            said.setdefault(at_seconds, doubtful.Sample(at_seconds, label, confidence))
    return [said[at_seconds] for at_seconds in sorted(said)]


def _candidates(footage, deployment, said, rival, others):
    """Return unsaved SpanToLabel rows of what one deployment said."""
    label_set = label_set_of(deployment, footage.camera.site_id)
    known = SpanToLabel.objects.filter(label_set=label_set, footage=footage)
    of_this = known.filter(deployment=deployment)
    asked = list(of_this.exclude(reason=Reason.RANDOM).values_list("start_seconds", "end_seconds"))
    hours = {}
    for start, _ in asked:
        hour = doubtful.hour_of(start)
        hours[hour] = hours.get(hour, 0) + 1
    spans = _named_already(label_set, footage)
    found = doubtful.stretches(said, others, threshold=settings.UNSURE_BELOW)
    found = [doubtful.without(stretch, asked) for stretch in found]
    found = _unnamed([one for one in found if one], spans)
    found = doubtful.best(found, settings.SPANS_TO_LABEL, hours)
    pieces = _unnamed(doubtful.pieces(said, others), spans)
    keys = [_key(label_set, footage, deployment, one.start) for one in found]
    return [
        SpanToLabel(
            label_set=label_set,
            footage=footage,
            deployment=deployment,
            challenger=rival if one.other else None,
            start_seconds=one.start,
            end_seconds=one.end,
            reason=one.reason,
            predicted=one.predicted,
            other=one.other,
            confidence=one.confidence,
            priority=one.priority,
        )
        for one in [*found, *doubtful.drawn(pieces, found, keys)]
    ]


def _named_already(label_set, footage):
    annotation = SpanAnnotation.objects.filter(
        label_set=label_set, footage=footage, is_current=True
    ).first()
    return annotation.spans if annotation else []


def _unnamed(stretches, spans):
    """Return the stretches of which people have named less than half.

    Args:
        spans: in order, none over another.
    """
    ends, kept = [end for _, end, _ in spans], []
    for stretch in stretches:
        first = bisect_right(ends, stretch.start)
        last = first
        while last < len(spans) and spans[last][0] < stretch.end:
            last += 1
        if selector.named(spans[first:last], stretch.start, stretch.end) is None:
            kept.append(stretch)
    return kept


def _key(label_set, footage, deployment, start):
    """Return what decides whether a random piece goes with a stretch: nobody's guess."""
    told = f"{label_set.pk}:{footage.session}:{deployment.pk}:{start:.6f}"
    return salted_hmac("training.spans", told, algorithm="sha256").digest()


def label_set_of(deployment, site_id):
    """Return the LabelSet of a site in which what a deployment says is corrected.

    It is that of the dataset which the model learned from. At another site it is the one that has
    the same labels: nobody of one site is shown videos of another.

    Raises:
        DomainError: label_set_unknown.
    """
    version = ModelVersion.objects.filter(uuid=deployment.model_version_uuid)
    version = version.select_related("dataset").first()
    wanted = version.dataset.options.get("label_set") if version else None
    taught = LabelSet.objects.filter(pk=wanted).first() if wanted else None
    if taught is not None and taught.site_id == site_id:
        return taught
    names = set(taught.label_names if taught else deployment.class_names)
    for label_set in LabelSet.objects.filter(site=site_id).order_by("pk"):
        if set(label_set.label_names) == names:
            return label_set
    raise DomainError(
        "label_set_unknown", f"No label set of this site has the labels of {deployment.name}."
    )


@transaction.atomic
def _stored(footage, rows, until_log):
    """Store what was found and how far was searched, and return the rows that are new."""
    SpanSearch.objects.select_for_update(no_key=True).get(footage=footage)
    known = set(
        SpanToLabel.objects.filter(footage=footage).values_list(
            "label_set", "deployment", "start_seconds"
        )
    )
    new = {}
    for row in rows:
        place = row.label_set_id, row.deployment_id, row.start_seconds
        if place not in known:
            new.setdefault(place, row)
    found = SpanToLabel.objects.bulk_create(list(new.values()))
    SpanSearch.objects.filter(footage=footage, until_log__lt=until_log).update(
        until_log=until_log, searched_at=timezone.now()
    )
    if found:
        detail = {"spans": len(found), "until_log": until_log}
        audit.record("spans.found", footage, site=footage.camera.site_id, detail=detail)
    return found


@transaction.atomic
def dismiss(pk, *, by):
    """Take a waiting span off the queue without an answer, and return it.

    Raises:
        NotFound, Forbidden; Conflict: span_handled.
    """
    span = _held(pk, by)
    if span.state != State.WAITING:
        raise Conflict(f"This span is {span.state} already.", code="span_handled")
    return _moved(span, State.DISMISSED, "span.dismissed", by)


@transaction.atomic
def restore(pk, *, by):
    """Let a dismissed span wait again, and return it.

    Raises:
        NotFound, Forbidden; Conflict: span_not_dismissed.
    """
    span = _held(pk, by)
    if span.state != State.DISMISSED:
        raise Conflict(f"This span is {span.state}, not dismissed.", code="span_not_dismissed")
    return _moved(span, State.WAITING, "span.restored", by)


def _held(pk, by):
    span = selector.visible(by).filter(pk=pk).first()
    if span is None:
        raise NotFound(f"There is no span {str(pk)[:20]} to label.")
    if not by.has_perm(selector.CHANGE):
        raise Forbidden("You may not take spans off the queue.")
    rows = SpanToLabel.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("label_set", "footage").get(pk=pk)


def _moved(span, state, action, by):
    is_handled = state != State.WAITING
    span.state = state
    span.handled_by, span.handled_at = (by, timezone.now()) if is_handled else (None, None)
    span.save(update_fields=["state", "handled_by", "handled_at"])
    detail = {"footage": span.footage_id, "start": span.start_seconds, "end": span.end_seconds}
    audit.record(action, span, actor=by, site=span.label_set.site_id, detail=detail)
    return span


@transaction.atomic
def labelled(annotation):
    """Mark the waiting spans that a SpanAnnotation answers; return how many those were.

    A span is answered where at least half of it has a name now; what it was called is in the
    annotation, whatever is saved after it.
    """
    waiting = SpanToLabel.objects.select_for_update(no_key=True).filter(
        label_set=annotation.label_set_id, footage=annotation.footage_id, state=State.WAITING
    )
    answered = [
        span.pk
        for span in waiting
        if selector.named(annotation.spans, span.start_seconds, span.end_seconds) is not None
    ]
    if not answered:
        return 0
    SpanToLabel.objects.filter(pk__in=answered).update(
        state=State.LABELLED,
        annotation=annotation,
        handled_by=annotation.annotated_by,
        handled_at=timezone.now(),
    )
    detail = {"spans": answered, "footage": annotation.footage_id}
    site = annotation.label_set.site_id
    audit.record(
        "spans.labelled", annotation, actor=annotation.annotated_by, site=site, detail=detail
    )
    return len(answered)
