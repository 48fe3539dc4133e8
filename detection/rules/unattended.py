"""Something was put down and whoever it belongs to has gone.

What lies there is known from detected tracks and from static foreground, which carries a thing on
when the detector no longer sees it. Its owner is the person nearest to it when it came to rest;
what came to rest with nobody near has no owner, and is no business of this rule. Tracks know no
faces: an owner who left the picture and comes back is somebody else. Where a detector knows no
persons nobody owns anything, and the rule stays silent.
"""

import numpy as np

from detection.rules.base import DAY_SECONDS, Holding, Parameter, Rule, format_seconds
from detection.rules.left_things import (
    ABANDONED,
    GONE,
    MOST_PLACES,
    RECLAIMED,
    TAKEN,
    UNATTENDED,
    WITH_OWNER,
    LeftThings,
    Rest,
    Thing,
)
from detection.rules.places import ZoneMap
from detection.rules.witnesses import (
    PERSON,
    Witnesses,
    area_of,
    cover_of,
    find_crossing,
    is_at_fixture,
    overlap_of,
)
from detection.vision.belongings import (
    LEFT_CLASSES,
    PORTABLE_CLASSES,
    UNKNOWN_OBJECT,
    moves_by_itself,
)

# A thing out of sight for longer is another thing when it comes back.
MEMORY_SECONDS = 8.0
# Whoever was this near in time to the moment at which a thing came to rest may own it.
OWNER_BEFORE_SECONDS, OWNER_AFTER_SECONDS = 2.5, 1.5
# How long a detected thing may be hidden behind people before it is given up.
HIDDEN_SECONDS = 600.0
# An owner lost for less may go on as another track that begins within so many own heights, but
# not one who was last seen at the picture's side.
SUCCESSION_SECONDS, SUCCESSION_HEIGHTS, SIDE = 4.0, 0.5, 0.01
RETURN_SECONDS = 1.0
# What has no name and is larger than this, measured by its owner, is nothing that one carries.
LARGEST_HEIGHT, LARGEST_AREA = 0.75, 0.3


class ObjectLeftUnattended(Rule):
    kind = "object_left_unattended"
    category = "object_left_unattended"
    default_severity = "high"
    default_classes = LEFT_CLASSES
    also_needs = (PERSON,)
    parameters_by_name = {
        "threshold_seconds": Parameter(
            60.0, "s", 0.0, DAY_SECONDS, "time away from its owner that makes a thing abandoned"
        ),
        "owner_radius": Parameter(
            1.5, "owner heights", 0.1, 100.0, "an owner no farther away is with it"
        ),
        "settle_seconds": Parameter(
            3.0, "s", 0.0, 600.0, "a detected thing this long in one place is at rest"
        ),
        "movement_tolerance": Parameter(
            0.5, "own sizes", 0.05, 10.0, "movement of a detected thing that is none"
        ),
        "unknown_objects": Parameter(
            1, "0 or 1", 0, 1, "1 also takes what came to rest and has no name", is_whole=True
        ),
        "grace_seconds": Parameter(4.0, "s", 0.0, 600.0, "gaps up to this long are bridged"),
        "cooldown_seconds": Parameter(
            30.0, "s", 0.0, DAY_SECONDS, "after a hit the same thing does not open one for so long"
        ),
    }

    def __init__(self, spec, zones, timing):
        super().__init__(spec, zones, timing)
        told = self.parameters
        self._map = ZoneMap(zones, set(self.zones))
        self._shortest_stay = timing.shortest_stay(told["threshold_seconds"])
        self._shortest_return = timing.shortest_stay(RETURN_SECONDS)
        self._witnesses = Witnesses(timing.aspect_ratio, sample_seconds=timing.sample_seconds)
        # Whoever left at once was last seen a sample before.
        self._owner_before = max(OWNER_BEFORE_SECONDS, timing.longest_gap(0.0))
        shortest_rest = timing.shortest_stay(told["settle_seconds"])
        self._rest = Rest(timing.aspect_ratio, told["movement_tolerance"], shortest_rest)
        self._things = LeftThings(max(MEMORY_SECONDS, self.longest_gap + 1.0))
        self._fixtures = ()
        self._zones_by_key: dict[str, tuple] = {}

    @property
    def is_idle(self):
        return self._things.has_started and not len(self._things) and self._rest.is_empty

    def takes(self, subject):
        return subject.class_name in self.classes

    def heed_fixtures(self, boxes):
        self._fixtures = tuple(tuple(box) for box in boxes)

    def observe(self, scene):
        if scene.is_backfill:
            return []
        at_seconds, things = scene.at_seconds, self._things
        things.start(at_seconds)
        things.watch_places(at_seconds, scene.subjects)
        fresh = self._take_in(scene)
        is_noted = self._witnesses.note(at_seconds, scene.subjects)
        if not len(things):
            return []
        for one in fresh:
            self._find_origin(one, at_seconds)
        visible = {subject.number: subject for subject in scene.subjects}
        if is_noted:
            self._explain(visible)
        for one in things:
            if one.owner is not None:
                self._follow(one, visible, at_seconds)
        held = [one for one in things if self._is_held(one, at_seconds)]
        things.drop_lost(at_seconds)
        return [Holding(one.key, zone, (one,)) for one in held for zone in self._zones_of(one)]

    def numbers(self, subject, zone, until_seconds):
        one = self._things[subject]
        away = one.left_at if one.left_at is not None else one.near_at
        distance = one.owner_distance
        return {
            "state": one.outcome or one.state,
            "unattended_seconds": round(max(0.0, until_seconds - away), 3),
            "since_seconds": round(away, 3),
            "settled_seconds": round(one.since, 3),
            "owner_distance": None if distance is None else round(distance, 2),
            "owner_track_id": one.owner_track_id,
            "taken_by_track_id": one.taken_by,
            "threshold_seconds": self.parameters["threshold_seconds"],
            "owner_radius": self.parameters["owner_radius"],
            "box_xyxy": [round(edge, 4) for edge in one.box],
        }

    def why(self, class_name, zone, numbers):
        away = format_seconds(numbers["unattended_seconds"])
        endings = {
            RECLAIMED: ", then reclaimed by its owner",
            TAKEN: f", then taken away by track {numbers['taken_by_track_id']}",
            GONE: ", then no longer there",
        }
        ending = endings.get(numbers["state"], "")
        return f"{class_name} left unattended in {zone} for {away}{ending}"

    def forget(self, numbers):
        self._rest.forget(numbers)

    def state(self):
        return {
            "witnesses": self._witnesses.state(),
            "rest": self._rest.state(),
            "things": self._things.state(),
        }

    def restore(self, state):
        self._witnesses.restore(state["witnesses"])
        self._rest.restore(state["rest"])
        self._things.restore(state["things"])

    # -- what lies there

    def _take_in(self, scene) -> list[Thing]:
        """Bring the things at rest up to date and return those that are new."""
        at_seconds, things = scene.at_seconds, self._things
        at_rest = {}
        for subject in scene.subjects:
            if subject.class_name in self.classes:
                since = self._rest.watch(subject, at_seconds)
                if since is not None:
                    at_rest[subject.number] = (subject, since)
        if not (at_rest or scene.foreground or len(things)):
            return []
        fresh = things.take_blobs(scene.foreground, at_seconds)
        things.leave_subjects(at_rest.keys())
        for subject, since in at_rest.values():
            one = things.take_subject(subject, since, at_seconds)
            if one is not None:
                fresh.append(one)
        things.merge()
        known = {one.key for one in things}
        return [one for one in fresh if one.key in known]

    def _find_origin(self, one: Thing, at_seconds: float) -> None:
        """Find out what a new thing is, whose, and whether it is a part of something else."""
        since = one.since - self._owner_before
        one.near_at = one.since
        before = self._witnesses.last_sightings(since - MEMORY_SECONDS, at_seconds)
        if one.class_name == UNKNOWN_OBJECT:
            self._name(one, before.values())
        nearest = self._witnesses.nearest_person(one.box, since, one.since + OWNER_AFTER_SECONDS)
        radius = self.parameters["owner_radius"]
        if nearest is not None and nearest[0] <= radius:
            owner = nearest[1]
            one.owner, one.owner_track_id, one.owner_box = owner.number, owner.track_id, owner.box
            one.owner_height = self._witnesses.height_of(owner.number)
            one.owner_seen_at = one.back_at = one.since
            for then, box in self._witnesses.way_of(owner.number, one.since):
                self._measure(one, box, then)
        for seen in before.values():
            if explains(seen.class_name, seen.box, one.box, had_gone=True):
                one.explained_by = seen.number
                return

    def _name(self, one, sightings):
        """Give a blob the name under which somebody carried it there."""
        x1, y1, x2, y2 = one.box
        pad_x, pad_y = (x2 - x1) / 2, (y2 - y1) / 2
        place = (x1 - pad_x, y1 - pad_y, x2 + pad_x, y2 + pad_y)
        for seen in sightings:
            is_named = seen.class_name in self.classes and cover_of(place, seen.box) >= 0.4
            if is_named and seen.track_id not in one.track_ids:
                one.class_name, one.track_id = seen.class_name, seen.track_id
                one.track_ids.append(seen.track_id)

    # -- who it belongs to

    def _follow(self, one: Thing, visible: dict, at_seconds: float) -> None:
        """Bring a thing's owner and state up to date."""
        owner = visible.get(one.owner) or self._find_successor(one, visible, at_seconds)
        self._approach(one, owner, at_seconds)
        if one.seen_at < at_seconds and self._is_hidden(one, visible, at_seconds):
            one.seen_at = at_seconds
        if one.seen_at < at_seconds:
            self._note_gone(one)
        elif one.near_at == at_seconds:
            one.outcome = RECLAIMED if one.state == ABANDONED else one.outcome
            one.state = WITH_OWNER
        elif at_seconds - one.near_at >= self._shortest_stay:
            if one.state != ABANDONED:
                one.left_at = one.near_at
            one.state, one.outcome, one.taken_by = ABANDONED, None, None
        else:
            one.state = UNATTENDED

    def _find_successor(self, one, visible, at_seconds):
        """Return who an owner just lost goes on as: somebody who began where the owner was lost."""
        is_out = one.owner_box[0] < SIDE or one.owner_box[2] > 1 - SIDE
        if is_out or at_seconds - one.owner_seen_at > SUCCESSION_SECONDS:
            return None
        known = self._witnesses.last_sightings(0.0, one.owner_seen_at)
        for subject in visible.values():
            if subject.class_name != PERSON or subject.number in known:
                continue
            distance = self._witnesses.distance(subject.box, one.owner_box, one.owner_height)
            if distance <= SUCCESSION_HEIGHTS:
                one.owner = subject.number
                return subject
        return None

    def _approach(self, one, owner, at_seconds):
        """Note how far away the owner is; being back for an instant is not being back."""
        if owner is None:
            one.owner_distance = None
            if at_seconds - one.owner_seen_at > self.timing.longest_gap(self.timing.lost_seconds):
                one.back_at = None
            return
        one.owner_track_id = owner.track_id
        self._measure(one, owner.box, at_seconds)

    def _measure(self, one, owner_box, at_seconds):
        radius, before = self.parameters["owner_radius"], (one.owner_seen_at, one.owner_distance)
        one.owner_seen_at, one.owner_box = at_seconds, owner_box
        one.owner_height = max(one.owner_height, owner_box[3] - owner_box[1])
        one.owner_distance = self._witnesses.distance(owner_box, one.box, one.owner_height)
        if one.owner_distance > radius:
            if before[0] == one.near_at and before[1] is not None:
                one.near_at = find_crossing(before, (at_seconds, one.owner_distance), radius)
            one.back_at = None
            return
        if one.back_at is None:
            one.back_at = at_seconds
        if at_seconds - one.back_at >= self._shortest_return:
            one.near_at = at_seconds

    def _is_hidden(self, one, visible, at_seconds):
        """Say whether somebody stands before a thing that only the detector ever showed."""
        if one.had_blob or at_seconds - one.shown_at > HIDDEN_SECONDS:
            return False
        return any(
            moves_by_itself(subject.class_name) and cover_of(subject.box, one.box) >= 0.5
            for subject in visible.values()
        )

    def _note_gone(self, one):
        """Find out who took what is no longer there."""
        if one.state != ABANDONED or one.outcome is not None:
            return
        since = one.seen_at - self._owner_before
        nearest = self._witnesses.nearest_person(one.box, since, one.seen_at + OWNER_AFTER_SECONDS)
        if nearest is None or nearest[0] > self.parameters["owner_radius"]:
            one.outcome = GONE
        elif nearest[1].number == one.owner:
            one.outcome = RECLAIMED
        else:
            one.outcome, one.taken_by = TAKEN, nearest[1].track_id

    # -- whether it counts

    def _explain(self, visible):
        """Find out which blobs are a part of something else, and which no longer are."""
        for one in self._things:
            if one.owner is None or one.class_name != UNKNOWN_OBJECT:
                continue
            if one.explained_by is not None:
                bigger = visible.get(one.explained_by)
                if bigger is not None and cover_of(bigger.box, one.box) < 0.3:
                    one.explained_by = None
                continue
            for subject in visible.values():
                if explains(subject.class_name, subject.box, one.box):
                    one.explained_by = subject.number
                    break

    def _is_held(self, one, at_seconds):
        if one.state != ABANDONED or one.seen_at < at_seconds or one.owner is None:
            return False
        if one.is_original or one.explained_by is not None:
            return False
        if one.class_name == UNKNOWN_OBJECT and not self._can_be_carried(one):
            return False
        return not is_at_fixture(one.box, self._fixtures)

    def _can_be_carried(self, one):
        height, owner_height = one.box[3] - one.box[1], max(one.owner_height, 1e-6)
        area = area_of(one.box) * self.timing.aspect_ratio / owner_height**2
        is_small = height <= LARGEST_HEIGHT * owner_height and area <= LARGEST_AREA
        return is_small and bool(self.parameters["unknown_objects"])

    def _zones_of(self, one):
        """Return the rule's zones that a thing stands in; most things do not move."""
        known = self._zones_by_key.get(one.key)
        if known is None or known[0] != one.box:
            inside = self._map.inside(self._map.locate(np.array([one.box], np.float64)))
            known = (one.box, [zone for zone in self.zones if inside[zone]])
            if len(self._zones_by_key) > MOST_PLACES:
                self._zones_by_key.clear()
            self._zones_by_key[one.key] = known
        return known[1]


def explains(class_name, box, thing_box, *, had_gone=False):
    """Say whether a subject is what a blob is a part of.

    Args:
        had_gone: the subject was there when the blob came to rest and was lost there: a detector
            that loses a parked car, or somebody standing still, leaves them as blobs.
    """
    overlap = overlap_of(box, thing_box)
    if overlap <= 0 or class_name in PORTABLE_CLASSES:
        return False
    if class_name == PERSON:
        is_large = area_of(thing_box) >= 0.25 * area_of(box)
        return overlap >= 0.5 or (had_gone and is_large and cover_of(box, thing_box) >= 0.7)
    is_inside = had_gone and moves_by_itself(class_name) and cover_of(box, thing_box) >= 0.6
    return overlap >= 0.4 or is_inside
