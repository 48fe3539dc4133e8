"""The things at rest that one rule watches: what each of them is, and whose.

A thing may be known from a detected track, from a blob of static foreground, or from both. It
keeps its identity while either of them lasts, because detectors lose what stands still and blobs
form seconds after something was put down.
"""

import math
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass, field
from operator import attrgetter

from detection.rules.base import TIMESTAMP_SLACK_SECONDS
from detection.rules.subjects import Subject
from detection.rules.witnesses import Box, cover_of, is_same_place, overlap_of
from detection.vision.belongings import UNKNOWN_OBJECT, moves_by_itself
from detection.vision.types import Observation

WITH_OWNER, UNATTENDED, ABANDONED = "with_owner", "unattended", "abandoned"
RECLAIMED, TAKEN, GONE = "reclaimed", "taken", "gone"
# What comes to rest in the session's first seconds was there before.
START_SECONDS = 3.0
MOST_PLACES = 100
# A place where something stood from the start, and in plain view has stood nothing for so long, is
# a place like any other. Shorter gaps are those of detectors, which lose what stands still.
EMPTY_SECONDS = 60.0
SAME_PLACE_OVERLAP = 0.4

_BY_TIME_AND_TRACK = attrgetter("at_seconds", "track_id")


@dataclass(slots=True)
class Thing:
    """One thing at rest.

    Attributes:
        key: names it in incidents.
        blob, subject: the static foreground and the subject that show it; None if neither does.
        track_id, track_ids: of its detected tracks and its static foreground (negative).
        since: when it came to rest.
        shown_at, seen_at: when it was last in sight, and when last in sight or behind somebody.
        is_original: it was there when the session began.
        owner: subject number of the nearest person when it came to rest; None if nobody was near.
        owner_seen_at, owner_box, owner_height, owner_distance: the owner's last sighting;
            the distance is None while the owner is out of sight.
        near_at: when the owner was last near it.
        back_at: since when the owner has been near it again; None when away.
        left_at: since when its owner was away when it was last abandoned.
        outcome: how that ended: RECLAIMED, TAKEN or GONE; None while it lasts.
        explained_by: subject number of somebody or something bigger that it is a part of.
        taken_by: track id of who was nearest when it went.
    """

    key: str
    box: Box
    since: float
    shown_at: float
    seen_at: float
    class_name: str = UNKNOWN_OBJECT
    score: float = 0.0
    blob: int | None = None
    had_blob: bool = False
    subject: int | None = None
    track_id: int | None = None
    track_ids: list[int] = field(default_factory=list)
    is_original: bool = False
    owner: int | None = None
    owner_track_id: int | None = None
    owner_seen_at: float = 0.0
    owner_box: Box = (0.0, 0.0, 0.0, 0.0)
    owner_height: float = 0.0
    owner_distance: float | None = None
    state: str = UNATTENDED
    near_at: float = 0.0
    back_at: float | None = None
    left_at: float | None = None
    outcome: str | None = None
    explained_by: int | None = None
    taken_by: int | None = None

    def show(self, at_seconds: float, box: Box, score: float) -> None:
        """Take in that it is in sight."""
        self.seen_at = self.shown_at = at_seconds
        self.box, self.score = tuple(box), score

    def saved(self) -> dict:
        return asdict(self)

    @classmethod
    def from_saved(cls, saved: dict) -> "Thing":
        boxes = {name: tuple(saved[name]) for name in ("box", "owner_box")}
        return cls(**{**saved, **boxes, "track_ids": list(saved["track_ids"])})


@dataclass(slots=True)
class Place:
    """Where a detected thing stood from the start: a detector may find it anew at any time.

    Attributes:
        shown_at: when something was last seen there; time behind people does not count.
        hidden_at: since when somebody has been standing before it; None while it is in view.
    """

    box: Box
    shown_at: float
    hidden_at: float | None = None

    def watch(self, at_seconds: float, subjects: Sequence[Subject]) -> bool:
        """Take in a scene; return whether the place still counts."""
        is_hidden = False
        for one in subjects:
            if moves_by_itself(one.class_name):
                is_hidden = is_hidden or cover_of(one.box, self.box) > 0
            elif overlap_of(one.box, self.box) >= SAME_PLACE_OVERLAP:
                self.shown_at, self.hidden_at = at_seconds, None
                return True
        if is_hidden:
            if self.hidden_at is None:
                self.hidden_at = at_seconds
            return True
        if self.hidden_at is not None:
            self.shown_at += at_seconds - self.hidden_at
            self.hidden_at = None
        return at_seconds - self.shown_at < EMPTY_SECONDS

    def saved(self) -> dict:
        return asdict(self)

    @classmethod
    def from_saved(cls, saved: dict) -> "Place":
        return cls(**{**saved, "box": tuple(saved["box"])})


class Rest:
    """Tells which detected subjects have come to rest, and since when.

    Args:
        tolerance: movement that is none, in the subject's own sizes.
        shortest: seconds at rest that count.
    """

    def __init__(self, aspect_ratio: float, tolerance: float, shortest: float):
        self._aspect_ratio = aspect_ratio
        self._tolerance = tolerance
        self._shortest = shortest
        # Subject number -> [where it came to rest, since when].
        self._places: dict[int, list] = {}

    def watch(self, subject: Subject, at_seconds: float) -> float | None:
        """Take in where a subject is; return since when it has been at rest there, or None."""
        place = self._places.get(subject.number)
        if place is None or self._has_moved(place[0], subject.box):
            place = self._places[subject.number] = [subject.box, at_seconds]
        return place[1] if at_seconds - place[1] >= self._shortest else None

    def _has_moved(self, before, box):
        across = (box[0] + box[2] - before[0] - before[2]) / 2 * self._aspect_ratio
        down = (box[1] + box[3] - before[1] - before[3]) / 2
        size = max((before[2] - before[0]) * self._aspect_ratio, before[3] - before[1])
        return math.hypot(across, down) > self._tolerance * size

    @property
    def is_empty(self) -> bool:
        return not self._places

    def forget(self, numbers) -> None:
        for number in numbers:
            self._places.pop(number, None)

    def state(self) -> list:
        return [[number, list(box), since] for number, (box, since) in self._places.items()]

    def restore(self, state: list) -> None:
        self._places = {number: [tuple(box), since] for number, box, since in state}


class LeftThings:
    """All things at rest, by key.

    Args:
        memory_seconds: how long a thing out of sight is remembered.
    """

    def __init__(self, memory_seconds: float):
        self._memory_seconds = memory_seconds
        self._things: dict[str, Thing] = {}
        # Keys of things that proved to be another one, which may have open incidents still.
        self._joined: dict[str, str] = {}
        self._started_at: float | None = None
        self._original_places: list[Place] = []

    def __len__(self):
        return len(self._things)

    def __iter__(self):
        return iter(self._things.values())

    def __getitem__(self, key):
        return self._things[self._joined.get(key, key)]

    @property
    def has_started(self) -> bool:
        return self._started_at is not None

    def start(self, at_seconds: float) -> None:
        """Let the session begin with its first scene."""
        if self._started_at is None:
            self._started_at = at_seconds

    def watch_places(self, at_seconds: float, subjects: Sequence[Subject]) -> None:
        """Forget the places of the start that have been seen empty for long enough."""
        if self._original_places:
            places = self._original_places
            self._original_places = [one for one in places if one.watch(at_seconds, subjects)]

    def take_blobs(self, foreground: Sequence[Observation], at_seconds: float) -> list[Thing]:
        """Take in static foreground; return the things that are new."""
        first: dict[int, Observation] = {}
        last: dict[int, Observation] = {}
        for seen in sorted(foreground, key=_BY_TIME_AND_TRACK):
            first.setdefault(seen.track_id, seen)
            last[seen.track_id] = seen
        for one in self:
            if one.blob is not None and one.blob not in last:
                one.blob = None
        known = {one.blob: one for one in self}
        fresh = []
        for number, seen in last.items():
            one = known.get(number)
            if one is None:
                one = self._find(seen.box_xyxy, lambda other: other.blob is None)
            if one is None:
                since = min(first[number].at_seconds, at_seconds)
                one = self._add(f"object:{abs(number)}", seen.box_xyxy, since, at_seconds)
                fresh.append(one)
            one.blob, one.had_blob = number, True
            if number not in one.track_ids:
                one.track_ids.append(number)
                self._doubt_place(one, first[number].at_seconds)
            if one.track_id is None or one.track_id < 0:
                one.track_id = number
            if one.subject is None or one.seen_at < at_seconds:
                one.show(at_seconds, seen.box_xyxy, seen.score)
        return fresh

    def take_subject(self, subject: Subject, since: float, at_seconds: float) -> Thing | None:
        """Take in a detected subject at rest; return its thing if that is new."""
        one = next((one for one in self if one.subject == subject.number), None)
        if one is not None and not is_same_place(one.box, subject.box):
            one.subject = one = None
        fresh = None
        if one is None:
            one = self._find(subject.box, lambda other: self._is_free(other, at_seconds))
        if one is None:
            one = fresh = self._add_detected(subject, since, at_seconds)
        one.subject, one.track_id = subject.number, subject.track_id
        one.track_ids += [known for known in subject.track_ids if known not in one.track_ids]
        one.class_name = subject.class_name
        one.show(at_seconds, subject.box, subject.score)
        return fresh

    def leave_subjects(self, at_rest: Set[int]) -> None:
        """Part the things from subjects that are lost or on the move."""
        for one in self:
            if one.subject is not None and one.subject not in at_rest:
                one.subject = None

    def merge(self) -> None:
        """Join a blob's thing with a track's that proves to stand at the same place."""
        if len(self._things) < 2:
            return
        for track in [one for one in self if one.subject is not None and one.blob is None]:
            for blob in [one for one in self if one.blob is not None and one.subject is None]:
                if is_same_place(track.box, blob.box) and self._join(track, blob):
                    break

    def _join(self, track, blob):
        """Let one of two be both, the one that has been abandoned before; say if that is done."""
        if track.state == blob.state == ABANDONED:
            return False
        if track.left_at is not None and blob.state != ABANDONED:
            kept, other = track, blob
            track.blob, track.had_blob = blob.blob, True
            track.track_ids += [known for known in blob.track_ids if known not in track.track_ids]
        else:
            kept, other = blob, track
            blob.subject, blob.class_name = track.subject, track.class_name
            blob.track_id = track.track_id
            added = [known for known in blob.track_ids if known not in track.track_ids]
            blob.track_ids = [*track.track_ids, *added]
        del self._things[other.key]
        for key in [key for key, whose in self._joined.items() if whose == other.key]:
            self._joined[key] = kept.key
        self._joined[other.key] = kept.key
        return True

    def drop_lost(self, at_seconds: float) -> None:
        """Forget the things that have been out of sight for too long."""
        oldest = at_seconds - self._memory_seconds
        for one in [one for one in self if one.seen_at < oldest]:
            del self._things[one.key]
            for key in [key for key, whose in self._joined.items() if whose == one.key]:
                del self._joined[key]

    def _doubt_place(self, one, settled_at):
        """Let a thing at a place of the start be new where something has settled there since."""
        start = self._started_at + START_SECONDS + TIMESTAMP_SLACK_SECONDS
        if one.is_original and one.since > start and settled_at > start:
            one.is_original = False
            places = self._original_places
            self._original_places = [place for place in places if not _stands_at(one, place)]

    def _is_free(self, one, at_seconds):
        return one.subject is None and one.seen_at >= at_seconds - self._memory_seconds

    def _find(self, box, is_free):
        """Return the thing at a place that may be shown anew, the oldest first."""
        found = [one for one in self if is_free(one) and is_same_place(one.box, box)]
        return min(found, key=lambda one: (one.since, one.key), default=None)

    def _add(self, key, box, since, at_seconds):
        name, count = key, 1
        while name in self._things or name in self._joined:
            count += 1
            name = f"{key}-{count}"
        one = Thing(name, tuple(box), since, at_seconds, at_seconds)
        one.is_original = since - self._started_at <= START_SECONDS + TIMESTAMP_SLACK_SECONDS
        self._things[name] = one
        return one

    def _add_detected(self, subject, since, at_seconds):
        one = self._add(f"object:track:{subject.number}", subject.box, since, at_seconds)
        places = self._original_places
        is_known = any(_stands_at(one, place) for place in places)
        if one.is_original and not is_known and len(places) < MOST_PLACES:
            places.append(Place(one.box, at_seconds))
        one.is_original |= is_known
        return one

    def state(self) -> dict:
        """Return everything as JSON values."""
        return {
            "started_at": self._started_at,
            "original_places": [place.saved() for place in self._original_places],
            "things": [one.saved() for one in self],
            "joined": list(map(list, self._joined.items())),
        }

    def restore(self, state: dict) -> None:
        """Take over the things of another rule."""
        self._started_at = state["started_at"]
        self._original_places = [Place.from_saved(saved) for saved in state["original_places"]]
        self._joined = dict(state["joined"])
        things = [Thing.from_saved(saved) for saved in state["things"]]
        self._things = {one.key: one for one in things}


def _stands_at(thing, place):
    return overlap_of(thing.box, place.box) >= SAME_PLACE_OVERLAP
