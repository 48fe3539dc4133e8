"""What is new about one camera's tasks since somebody last looked: samples, incidents, spans.

Everything is read from rows in the order in which one worker after another has stored them, one
footage after another, and a place says how far somebody has read. The place goes out with every
event and comes back from a client that lost the connection: it is told the rest, and nothing twice.
"""

import base64
import json
import math
from dataclasses import dataclass, field, replace
from heapq import merge

from detection.models import (
    Caption,
    Deployment,
    Footage,
    Incident,
    IncidentEvent,
    Segment,
    TaskLog,
)
from detection.services import task_logs
from detection.slots import TASK_CLASSIFIER
from hitlsite.errors import NotFound

LATEST = "latest"
ROWS_AT_ONCE, INCIDENTS_AT_ONCE = 5, 100
LONGEST_PLACE = 600
_OPEN = (Segment.State.QUEUED, Segment.State.RUNNING)
_NO_SPAN = ()


@dataclass(frozen=True, slots=True)
class Place:
    """How far somebody has read.

    Attributes:
        footage: its id; 0 before the first.
        is_over: whether its end has been told.
        row, sample: the id of a TaskLog, and how many of its samples were told.
        incident: the id of the last IncidentEvent.
        caption: seconds of the last caption.
        span: the state of a task_stream.SpanBuilder.
    """

    footage: int = 0
    is_over: bool = False
    row: int = 0
    sample: int = 0
    incident: int = 0
    caption: float = -1.0
    span: tuple = field(default=_NO_SPAN)

    def __str__(self):
        told = [self.footage, int(self.is_over), self.row, self.sample, self.incident]
        content = json.dumps([*told, self.caption, *self.span], separators=(",", ":"))
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def read_place(text):
    """Return the Place that a client gave back, None where it is none of ours."""
    text = str(text or "")
    if not text or len(text) > LONGEST_PLACE:
        return None
    try:
        told = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        footage, is_over, row, sample, incident, caption, *span = told
        is_sound = all(_is_count(one) for one in (footage, row, sample, incident))
        is_sound = is_sound and is_over in (0, 1) and _is_number(caption) and _is_span(span)
    except (ValueError, TypeError, RecursionError, OverflowError):
        return None
    if not is_sound:
        return None
    return Place(footage, bool(is_over), row, sample, incident, caption, tuple(span))


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _is_number(value):
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _is_span(span):
    if not span:
        return True
    is_whole = len(span) == 6 and isinstance(span[0], str) and all(map(_is_number, span[1:]))
    return is_whole and _is_count(span[3]) and span[3] > 0


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell, and the place behind it."""

    kind: str
    told: dict
    place: Place


class Feed:
    """The news of one camera for one reader.

    Args:
        task_model: name of a deployment; "" or "latest" for whatever serves the camera.
        place: how far the reader had read; from now on where it is None. What it says of another
            camera's footage counts for nothing.
        hides: kinds that the reader may not see: "incident", "caption".

    Raises:
        NotFound: task_model_unknown.
    """

    def __init__(self, camera_id, *, task_model="", place=None, hides=()):
        self._camera_id, self._hides = camera_id, hides
        self._said = TaskLog.objects.filter(deployment__slot=TASK_CLASSIFIER)
        if task_model in ("", LATEST):
            # What looks on in shadow is not what the camera says.
            role = Deployment.Role.CHALLENGER
            self._said = self._said.exclude(deployment__role=role, deployment__share=0)
        else:
            named = Deployment.objects.filter(slot=TASK_CLASSIFIER, name=task_model)
            if "\x00" in task_model or not named.exists():
                message = f"There is no deployed task model {task_model[:60]!r}."
                raise NotFound(message, code="task_model_unknown")
            self._said = self._said.filter(deployment__name=task_model)
        self.place = self._checked(place) if place else self._now()

    def _checked(self, place):
        """Return a place that a client may have made up, in footage of this camera only.

        Behind any other, or one that is gone, the camera's next one is told.
        """
        own = Footage.objects.filter(pk=place.footage, camera=self._camera_id)
        return place if own.exists() else Place(place.footage, is_over=True)

    def _now(self):
        """Return where somebody begins who has read nothing.

        A file that is being watched, or was the last one, is told from its start; a stream, which
        may be days long, from its latest row.
        """
        footage = Footage.objects.filter(camera=self._camera_id)
        running = footage.filter(segments__state=Segment.State.RUNNING).order_by("pk").first()
        latest = running or footage.filter(segments__state__in=_OPEN).order_by("pk").first()
        latest = latest or footage.filter(task_logs__in=self._said).order_by("-pk").first()
        if latest is None:
            last = footage.order_by("-pk").values_list("pk", flat=True).first()
            return Place(last or 0, is_over=True)
        place = Place(latest.pk)
        if latest.kind == Footage.Kind.STREAM:
            row = self._said.filter(footage=latest).order_by("-pk").first()
            event = self._incidents(latest.pk, 0).order_by("-pk").first()
            place = replace(
                place,
                row=row.pk if row else 0,
                incident=event.pk if event else 0,
                caption=row.start_seconds if row else -1.0,
            )
        return place

    def look(self):
        """Return the Events since the last look, no more than some rows of them, and go there."""
        place, events = self.place, []
        if place.is_over or not place.footage:
            following = self._following(place.footage)
            if following is None:
                return []
            place = Place(following)
        # Asked before the rows are read: what is stored meanwhile is not lost.
        is_over = not Segment.objects.filter(footage=place.footage, state__in=_OPEN).exists()
        rows = self._rows(place)
        incidents = list(self._incidents(place.footage, place.incident)[:INCIDENTS_AT_ONCE])
        place = self._tell(place, rows, incidents, events)
        is_all = len(rows) < ROWS_AT_ONCE and len(incidents) < INCIDENTS_AT_ONCE
        if is_over and is_all:
            place = self._tell_end(place, events)
        self.place = place
        return events

    def _following(self, footage_id):
        """Return the next footage of the camera that is watched or has something said of it."""
        later = Footage.objects.filter(camera=self._camera_id, pk__gt=footage_id)
        watched = later.filter(segments__isnull=False)
        said = later.filter(task_logs__in=self._said)
        found = [
            rows.order_by("pk").values_list("pk", flat=True).first() for rows in (watched, said)
        ]
        return min((pk for pk in found if pk is not None), default=None)

    def _rows(self, place):
        rows = self._said.filter(footage=place.footage, pk__gte=place.row).order_by("pk")
        rows = list(rows[: ROWS_AT_ONCE + 1])
        return [row for row in rows if row.pk > place.row or len(row.samples) > place.sample][
            :ROWS_AT_ONCE
        ]

    def _incidents(self, footage_id, after):
        if "incident" in self._hides:
            return IncidentEvent.objects.none()
        kinds = (IncidentEvent.Kind.OPENED, IncidentEvent.Kind.CLOSED)
        found = IncidentEvent.objects.filter(
            incident__footage=footage_id, kind__in=kinds, pk__gt=after
        )
        reported = found.exclude(incident__origin__in=Incident.SAMPLED)
        return reported.select_related("incident").order_by("pk")

    def _tell(self, place, rows, incidents, events):
        """Tell samples and incidents in the order of their times; return the place after them."""
        from detection.vision.task_stream import SpanBuilder

        builder = SpanBuilder()
        builder.restore(list(place.span))
        captions = [] if "caption" in self._hides else _captions(place, rows)
        for _, _, act in merge(_timed(_samples(rows, place), 1), _timed(incidents, 0), key=_when):
            if isinstance(act, IncidentEvent):
                place = replace(place, incident=act.pk)
                events.append(Event("incident", _told_incident(act), place))
            else:
                place = self._tell_sample(place, act, builder, captions, events)
        return place

    def _tell_sample(self, place, sample, builder, captions, events):
        row, number, gap_seconds, (at, label, confidence) = sample
        builder.gap_seconds, builder.lag_seconds = gap_seconds, row.lag_seconds
        ended = builder.add(at, label, confidence)
        told = {
            "t": at,
            "task_prediction": label,
            "task_confidence": confidence,
            "footage": place.footage,
        }
        passed = [one for one in captions if place.caption < one.at_seconds <= at]
        if passed:
            told |= {"caption": passed[-1].text, "caption_t": passed[-1].at_seconds}
            place = replace(place, caption=passed[-1].at_seconds)
        if ended is not None:
            # Without a span, the sample that ended this one begins its own.
            place = replace(place, span=_NO_SPAN)
            events.append(Event("segment", _told_span(ended, place), place))
        place = replace(place, row=row.pk, sample=number + 1, span=tuple(builder.state()))
        events.append(Event("sample", told, place))
        return place

    def _tell_end(self, place, events):
        from detection.vision.task_stream import SpanBuilder

        builder = SpanBuilder()
        builder.restore(list(place.span))
        ended = builder.finish()
        place = replace(place, span=_NO_SPAN)
        if ended is not None:
            events.append(Event("segment", _told_span(ended, place), place))
        footage = Footage.objects.filter(pk=place.footage).first()
        place = replace(place, is_over=True)
        told = {
            "footage": place.footage,
            "is_whole": footage is not None and footage.ended_at is not None,
            "damage": footage.damage if footage else "",
        }
        events.append(Event("finished", told, place))
        return place


def _samples(rows, place):
    """Yield (row, number, gap in seconds, sample) of what was not told yet."""
    for row in rows:
        first = place.sample if row.pk == place.row else 0
        gap_seconds = task_logs.gap_of(row.samples)
        for number, sample in enumerate(row.samples[first:], first):
            yield row, number, gap_seconds, sample


def _timed(acts, rank):
    """Yield (time, rank, act) with times that never fall, so that each keeps its own order."""
    last = -math.inf
    for act in acts:
        last = max(last, act.at_seconds if isinstance(act, IncidentEvent) else act[-1][0])
        yield last, rank, act


def _when(entry):
    return entry[:2]


def _captions(place, rows):
    """Return the captions that were not told yet, up to the last sample."""
    if not rows:
        return []
    until = max(row.end_seconds for row in rows)
    found = Caption.objects.filter(
        footage=place.footage, at_seconds__gt=place.caption, at_seconds__lte=until
    )
    return list(found.exclude(text="").order_by("at_seconds"))


def _told_incident(event):
    incident = event.incident
    return {
        "incident": incident.pk,
        "state": event.kind,
        "t": event.at_seconds,
        "category": incident.category,
        "severity": incident.severity,
        "why": incident.why,
        "footage": incident.footage_id,
    }


def _told_span(span, place):
    return {
        "start": span.start_seconds,
        "end": span.end_seconds,
        "task_prediction": span.label,
        "task_confidence": round(span.confidence, 4),
        "footage": place.footage,
    }
