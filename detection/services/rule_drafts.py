"""Drafts of a camera's zones and rules: read whole, tried on stored film, and saved.

Two people may have the same camera open. A draft therefore says upon which state it was made; one
that was overtaken is refused, because it would undo the other's work without a word.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import yaml
from django.db import transaction

from detection.models import Camera, TrackLog
from detection.selectors import active_deployments
from detection.services import cameras, replay, replay_plans
from hitlsite import audit
from hitlsite.errors import Conflict, DomainError
from hitlsite.models import AuditEntry

WINDOWS = {
    "hour": ("the last hour of film", timedelta(hours=1)),
    "day": ("the last day of film", timedelta(days=1)),
    "week": ("the last 7 days of film", timedelta(days=7)),
}
MOST_SIGHTINGS = 1_000_000  # what a page replays while somebody waits: about a minute
DRAFT = "The draft"
MOVING = "moving"
SWITCH = "0 or 1"
_WORDS = {"min": "minimum", "max": "maximum", "cooldown": "cool-down", "settle": "settling"}
# Which classes a new rule begins with, and who it is where a rule names none.
_BEGINS_WITH = {"object_left_unattended": []}
_ANYBODY = {
    "object_left_unattended": "bags, umbrellas, bottles, and what has no name",
    "aggression": "people",
}


@dataclass(frozen=True)
class Span:
    """A stretch of wall-clock time."""

    start: datetime
    end: datetime


class _ReadableDumper(yaml.SafeDumper):
    """YAML with points and short lists on one line, as people write them."""

    def represent_sequence(self, tag, sequence, flow_style=None):
        is_flat = not any(isinstance(one, list | tuple | dict) for one in sequence)
        return super().represent_sequence(tag, sequence, flow_style=is_flat)


def as_yaml(document):
    """Write zones and rules (the form that ``parse_config`` reads) for people."""
    return yaml.dump(
        document, Dumper=_ReadableDumper, sort_keys=False, allow_unicode=True, width=100
    )


def version_of(camera):
    """Return the version of the zones and rules that a camera has now."""
    return version_of_document(cameras.current_config(camera))


def version_of_document(document):
    """Return the version of zones and rules as ``cameras.current_config`` gave them.

    Who shows a document names this version of it: the camera may have another one by then.
    """
    return hashlib.sha256(audit.canonical_json(document).encode()).hexdigest()


def read_draft(text, *, name=DRAFT):
    """Return the RulesConfig of a YAML or JSON text.

    A text without anything in it is no draft: to have no zones and no rules is a thing to say.

    Args:
        name: what to call it in a refusal.

    Raises:
        DomainError: config_invalid, naming the key at fault.
    """
    from detection.rules.config import parse_config

    if not text.strip():
        message = f"{name} is empty. To have no zones and no rules, write {{}}."
        raise DomainError("config_invalid", message, fields={"file": "is empty"})
    return parse_config(text, file_name=name)


def as_document(text):
    """Return the mapping that a text holds, checked or not; None where it holds none."""
    from detection.rules.documents import Refusal, load_text

    try:
        document = load_text(text)
    except Refusal:
        return None
    return document if isinstance(document, dict) else None


@transaction.atomic
def save_draft(camera, text, *, version, by, name=DRAFT):
    """Make the camera's zones and rules those of a draft, and return their version.

    Args:
        version: that of the zones and rules which the draft was made from.
        name: see ``read_draft``.

    Raises:
        DomainError: config_invalid.
        Conflict: rules_overtaken, somebody saved others in between.
    """
    config = read_draft(text, name=name)
    held = Camera.objects.select_for_update(of=("self",), no_key=True)
    camera = held.select_related("site").get(pk=camera.pk)
    if version != version_of(camera):
        raise Conflict(_overtaken_by(camera), code="rules_overtaken")
    cameras.apply_config(camera, config, actor=by)
    return version_of(camera)


def _overtaken_by(camera):
    changes = AuditEntry.objects.filter(
        object_type=camera._meta.label_lower,
        object_id=str(camera.pk),
        action="camera.rules_changed",
    )
    change = changes.select_related("actor").first()
    who = "Somebody"
    if change and change.actor:
        who = change.actor.get_full_name() or change.actor.get_username()
    return f"{who} has saved other zones and rules of {camera} since you opened them."


def compare(camera, config, *, window="hour", footage=None):
    """Replay stored film by a draft and by the saved rules; see ``replay.compare``.

    Args:
        window: a key of WINDOWS, counted back from the end of the newest film.
        footage: one session instead of a window.

    Raises:
        DomainError: nothing_to_replay, no track log of this camera is there; replay_too_long.
    """
    since = until = None
    if footage is None and (until := replay.newest_at(camera)):
        since = until - WINDOWS[window][1]
    return replay.compare(
        camera, config, since=since, until=until, footage=footage, most_rows=MOST_SIGHTINGS
    )


def film_spans(camera, *, since=None, until=None, footage=None):
    """Return when there is film to replay, oldest first, what adjoins as one Span."""
    spans = [
        Span(max(start, since or start), min(end, until or end))
        for start, end in _logs(camera, since, until, footage)
    ]
    return _joined(sorted(spans, key=lambda span: span.start))


def _logs(camera, since, until, footage):
    """Return (start, end) of the track logs that overlap a window or belong to a footage."""
    rows = TrackLog.objects.filter(footage__camera=camera)
    if footage is not None:
        rows = rows.filter(footage=footage)
    found = []
    for starts_at, start_seconds, end_seconds, checkpoint_seconds in rows.values_list(
        "footage__starts_at",
        "segment__start_seconds",
        "segment__end_seconds",
        "segment__checkpoint_seconds",
    ):
        end_seconds = end_seconds or checkpoint_seconds or start_seconds
        start = starts_at + timedelta(seconds=start_seconds)
        end = starts_at + timedelta(seconds=end_seconds)
        if (since is None or end >= since) and (until is None or start <= until):
            found.append((start, end))
    return found


def _joined(spans):
    joined = []
    for span in spans:
        if joined and span.start - joined[-1].end <= timedelta(seconds=1):
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def replayable_footage(camera, *, limit=50):
    """Return the camera's footage that has track logs, newest first."""
    return list(replay_plans.sessions_with_logs(camera).reverse()[:limit])


def rule_kinds():
    """Return what a form has to know of every kind of rule, by kind."""
    from detection.rules.base import RULE_KINDS

    return {
        kind: {
            "label": _label(kind),
            "severity": rule.default_severity,
            "zone_kinds": list(rule.zone_kinds or ()),
            "classes": _BEGINS_WITH.get(kind, ["person"]),
            "anybody": _ANYBODY.get(kind, "everything"),
            "parameters": [_field(*named) for named in rule.parameters_by_name.items()],
        }
        for kind, rule in sorted(RULE_KINDS.items())
    }


def _field(name, parameter):
    stem = name.removesuffix("_seconds") if parameter.unit == "s" else name
    return {
        "name": name,
        "label": _label(stem),
        "unit": parameter.unit,
        "default": parameter.default,
        "minimum": parameter.minimum,
        "maximum": parameter.maximum,
        "meaning": parameter.meaning,
        "is_whole": parameter.is_whole,
        "is_switch": parameter.unit == SWITCH,
    }


def _label(name):
    text = " ".join(_WORDS.get(word, word) for word in name.split("_"))
    return text[:1].upper() + text[1:]


def known_classes():
    """Return the class names that a rule may wait for, as far as serving detectors tell."""
    found = {name for served in active_deployments() for name in served.class_names}
    return sorted({"person", MOVING, *found})
