"""Tracks that nearly fired a rule: what the same rules would have found with lower thresholds.

The stored tracks of a day are replayed with every threshold relaxed. What appears, and is nothing
that the rules did report, fell short of a threshold by less than its relaxed part.
"""

from dataclasses import dataclass, replace

from detection.services import excerpts, replay, score_thresholds
from detection.services.matching import match
from detection.services.recorded_days import bounds
from hitlsite.errors import DomainError

RELAXED_TO = 0.6
AROUND_SECONDS = 3.0
# By kind of rule: the figure of a hit, and the parameter that it had to reach.
MEASURES = {
    "loitering": (("dwell_seconds", "threshold_seconds"),),
    "presence": (("dwell_seconds", "min_duration_seconds"),),
    "restricted_zone_entry": (("dwell_seconds", "min_duration_seconds"),),
    "object_left_unattended": (("unattended_seconds", "threshold_seconds"),),
    "crowd_formation": (("duration_seconds", "min_duration_seconds"),),
    "rapid_movement": (("speed", "threshold_speed"),),
    "aggression": (
        ("duration_seconds", "min_duration_seconds"),
        ("relative_speed", "threshold_motion"),
        ("limb_speed", "threshold_limb_speed"),
    ),
}
# Falls with the threshold that it belongs to.
_FOLLOWING = {"release_speed"}


@dataclass(frozen=True, slots=True)
class NearMiss:
    """Something that a replay found with relaxed rules.

    Attributes:
        why: by how much it fell short.
        parameters: by rule name, as they were and not as they were relaxed to.
        is_short_of_score: its rules held, and only its best score was too low to be told.
    """

    footage: object
    found: replay.Replayed
    why: str
    parameters: dict
    is_short_of_score: bool = False

    @property
    def span(self):
        """From when to when pictures of it are taken, seconds of the footage."""
        start = max(0.0, self.found.opened_at_seconds - AROUND_SECONDS)
        return start, self.found.closed_at_seconds + AROUND_SECONDS


def relax(config, share=RELAXED_TO):
    """Return a RulesConfig whose thresholds of time and speed are this share of what they were.

    How many make a crowd, and how near is near, stay: less of that is another thing, not nearly
    the same.
    """
    return replace(config, rules=tuple(_relaxed(rule, share) for rule in config.rules))


def _relaxed(rule, share):
    from detection.rules.base import RULE_KINDS

    kind = RULE_KINDS[rule.kind]
    names = {name for _, name in MEASURES.get(rule.kind, ())} | _FOLLOWING
    values = kind.complete_parameters(rule.parameters)
    for name in names & set(values):
        if values[name] is not None:
            least = kind.parameters_by_name[name].minimum
            values[name] = max(least, values[name] * share)
    return replace(rule, parameters=values)


def find(camera, day, footage):
    """Return the NearMisses of a day's footage, those that began in it, in the order of time.

    Raises:
        DomainError: track_log_unreadable, or what is wrong with the stored rules.
    """
    since, until = bounds(day, camera.site.time_zone)
    found = []
    for row in footage:
        config = _config_of(row)
        if not config.rules:
            continue
        try:
            relaxed, window = relax(config), {"since": since, "until": until}
            replayed = replay.replay(camera, relaxed, **window, footage=row, heeds_thresholds=False)
        except DomainError as error:
            if error.code != "nothing_to_replay":
                raise
            continue
        of_day = [one for one in replayed if since <= one.opened_at < until and one.close_reason]
        found += _unreported(row, config, of_day, score_thresholds.in_force(camera))
    return sorted(found, key=lambda one: (one.found.opened_at, one.footage.pk, one.found.key))


def _config_of(footage):
    from detection.rules.config import parse_config

    stored = {name: footage.configuration.get(name, []) for name in ("zones", "rules")}
    return parse_config(stored, file_name=str(footage), is_stored=True)


def _unreported(footage, config, replayed, thresholds):
    """Yield what no stored incident is about, and what really fell short."""
    stored = [_as_replayed(one) for one in _incidents_of(footage)]
    reported = {id(new) for _, new in match(stored, replayed)}
    rules = {rule.name: rule for rule in config.rules}
    for one in replayed:
        if id(one) in reported or any(_is_of(one, other) for other in stored):
            continue
        of_rules = _shortfall(one, rules)
        why = of_rules or _score_shortfall(one, thresholds)
        if why:
            parameters = {hit["rule_name"]: _complete(rules[hit["rule_name"]]) for hit in one.hits}
            yield NearMiss(footage, one, why, parameters, is_short_of_score=not of_rules)


def _incidents_of(footage):
    rows = footage.incidents.reported().filter(closed_at_seconds__isnull=False)
    return rows.prefetch_related("rule_hits")


def _as_replayed(incident):
    hits = tuple({"rule_name": hit.rule_name} for hit in incident.rule_hits.all())
    return replay.Replayed(
        footage_id=incident.footage_id,
        key=incident.key,
        category=incident.category,
        severity=incident.severity,
        class_name=incident.class_name,
        opened_at_seconds=incident.opened_at_seconds,
        closed_at_seconds=incident.closed_at_seconds,
        opened_at=incident.opened_at,
        closed_at=incident.closed_at,
        close_reason=incident.close_reason,
        why=incident.why,
        rules=tuple(hit["rule_name"] for hit in hits),
        zones=(),
        track_ids=tuple(incident.track_ids),
        hits=hits or ({"rule_name": ""},),
    )


def _is_of(one, stored):
    """Say whether somebody of a stored incident is in this one, at the same time."""
    is_then = (
        one.opened_at_seconds <= stored.closed_at_seconds
        and stored.opened_at_seconds <= one.closed_at_seconds
    )
    return is_then and bool(set(one.track_ids) & set(stored.track_ids))


def _complete(rule):
    from detection.rules.base import RULE_KINDS

    return RULE_KINDS[rule.kind].complete_parameters(rule.parameters)


def _shortfall(one, rules):
    """Say by how much it fell short, "" where a cool-down and no threshold kept it silent."""
    missing = [_missing(hit, _complete(rules[hit["rule_name"]])) for hit in one.hits]
    if not all(missing):
        return ""
    return f"nearly: {missing[0]} ({one.hits[0]['why']})"


def _score_shortfall(one, thresholds):
    """Say by how much the best score fell short of what its class needs, "" where it did not."""
    wanted = thresholds.get(one.class_name, 0.0)
    if not RELAXED_TO * wanted <= one.peak_score < wanted:
        return ""
    return f"nearly: score {one.peak_score:.2f} of {wanted:.2f} ({one.hits[0]['why']})"


def _missing(hit, parameters):
    from detection.rules.base import RULE_KINDS

    units = RULE_KINDS[hit["kind"]].parameters_by_name
    for measure, name in MEASURES.get(hit["kind"], ()):
        reached, wanted = hit["numbers"].get(measure), parameters[name]
        if reached is not None and reached < wanted:
            unit = units[name].unit
            return f"{_rounded(reached, unit)} of {_rounded(wanted, unit)} {unit}"
    return ""


def _rounded(number, unit):
    """Write a figure as exactly as it takes to tell it from its threshold."""
    return f"{round(number, 1 if unit == 's' else 2):g}"


def take(near_miss):
    """Return the Excerpt of a near miss; errors are those of ``excerpts.take``."""
    start, end = near_miss.span
    return excerpts.take(
        near_miss.footage, start, end, peak_at_seconds=near_miss.found.closed_at_seconds
    )
