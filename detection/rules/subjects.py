"""Who the tracks are.

A tracker now and then drops a person and finds them again under a new id. Rules must not notice:
they count per *subject*, a chain of tracks stitched by time, class, size and place. Subjects are
numbered within a session; a subject out of sight for longer than ``lost_seconds`` is gone, and
whoever comes next is somebody else.
"""

import math
from collections.abc import Iterable, Sequence, Set

from detection.vision.types import Observation

# How fast the estimate of a subject's speed follows, and how far ahead it is believed: people
# stop and turn.
VELOCITY_SECONDS = 0.5
PREDICTION_SECONDS = 1.0
# How long what a subject was seen as counts: a tracker may hand a chair's track to a person.
CLASS_SECONDS = 3.0
# A new track belongs to a lost one within this many box lengths of where that one would be...
REACH_LENGTHS = 0.5
REACH_LENGTHS_PER_SECOND = 0.4
# ...and when its box is not much larger or smaller (linear ratio).
SIZE_RATIO = 1.7
# Who was on the way out and would by now be seen less than this share of is not looked for: who
# comes in there next is somebody else.
LEAVING_SHARE = 0.5


class Subject:
    """One person or thing through all of its tracks.

    Attributes:
        track_ids: its tracks in the order in which they were taken over.
        track_id, score, box: the latest observation; box is normalised xyxy.
        seen: when each track that may still come back was last seen.
        seen_as: the class of the latest observation.
        votes: summed scores by class, fading with time.
        class_name: the class with the highest vote.
        velocity: of the box's centre, in frame widths and heights per second.
        limb_speed: of the latest observation, see ``Observation``.
    """

    __slots__ = (
        "box",
        "class_name",
        "detected_at",
        "last_seen",
        "limb_speed",
        "number",
        "score",
        "seen",
        "seen_as",
        "track_id",
        "track_ids",
        "velocity",
        "votes",
    )

    def __init__(self, number: int):
        self.number = number
        self.track_ids: list[int] = []
        self.seen: dict[int, float] = {}
        self.votes: dict[str, float] = {}
        self.class_name = self.seen_as = ""
        self.track_id = -1
        self.score = 0.0
        self.box = (0.0, 0.0, 0.0, 0.0)
        self.velocity = (0.0, 0.0)
        self.last_seen = -math.inf
        self.detected_at = -math.inf
        self.limb_speed: float | None = None

    def take(self, observation: Observation, at_seconds: float, *, is_held: bool) -> None:
        """Take in an observation; a held one repeats a detection of what is at rest."""
        track_id, box = observation.track_id, observation.box_xyxy
        if type(box) is not tuple or type(box[0]) is not float:
            box = tuple(map(float, box))
        self.score = float(observation.score)
        self.seen_as = observation.class_name
        self.limb_speed = observation.limb_speed
        if not is_held or not self.votes:
            self._learn(box, at_seconds)
        elif self.velocity != (0.0, 0.0):
            vx, vy = self.velocity
            fading = math.exp((self.last_seen - at_seconds) / VELOCITY_SECONDS)
            self.velocity = (vx * fading, vy * fading)
        if track_id != self.track_id:
            self.track_id = track_id = int(track_id)
            if track_id not in self.track_ids:
                self.track_ids.append(track_id)
        self.seen[track_id] = self.last_seen = at_seconds
        self.box = box

    def _learn(self, box, at_seconds):
        """Bring velocity and class up to date with a fresh detection."""
        votes, seen_as = self.votes, self.seen_as
        elapsed = at_seconds - self.detected_at
        if elapsed < math.inf:
            fading = math.exp(-elapsed / CLASS_SECONDS)
            for name in votes:
                votes[name] *= fading
            # Held frames may lie between: up to the last of them it was at rest.
            elapsed = at_seconds - self.last_seen
            weight = 1.0 - math.exp(-elapsed / VELOCITY_SECONDS)
            x1, y1, x2, y2 = box
            u1, v1, u2, v2 = self.box
            vx, vy = self.velocity
            vx += weight * ((x1 + x2 - u1 - u2) / 2 / elapsed - vx)
            vy += weight * ((y1 + y2 - v1 - v2) / 2 / elapsed - vy)
            self.velocity = (vx, vy)
        vote = votes[seen_as] = votes.get(seen_as, 0.0) + self.score
        if seen_as != self.class_name and vote >= votes.get(self.class_name, 0.0):
            self.class_name = seen_as
        self.detected_at = at_seconds

    def give_up(self, track_id: int) -> None:
        """Drop a track that proved to be somebody else's."""
        del self.seen[track_id]
        self.track_ids.remove(track_id)
        self.velocity = (0.0, 0.0)
        self.detected_at = -math.inf

    def state(self) -> dict:
        """Return the subject as JSON values."""
        return {
            "number": self.number,
            "track_ids": list(self.track_ids),
            "seen": [[track_id, at] for track_id, at in self.seen.items()],
            "votes": dict(self.votes),
            "class_name": self.class_name,
            "seen_as": self.seen_as,
            "track_id": self.track_id,
            "score": self.score,
            "box": list(self.box),
            "velocity": list(self.velocity),
            "last_seen": self.last_seen,
            "limb_speed": self.limb_speed,
            "detected_at": None if self.detected_at == -math.inf else self.detected_at,
        }

    @classmethod
    def from_state(cls, state: dict) -> "Subject":
        subject = cls(state["number"])
        for name in ("class_name", "seen_as", "track_id", "score", "last_seen"):
            setattr(subject, name, state[name])
        subject.limb_speed = state.get("limb_speed")
        subject.track_ids = list(state["track_ids"])
        subject.seen = dict(state["seen"])
        subject.votes = dict(state["votes"])
        subject.box = tuple(state["box"])
        subject.velocity = tuple(state["velocity"])
        at = state["detected_at"]
        subject.detected_at = -math.inf if at is None else at
        return subject


class SubjectBook:
    """All subjects of a session that are not lost.

    Args:
        aspect_ratio: frame width / height, so that distances compare in both directions.
        longest_gap: seconds between two observations of one subject, at most.
    """

    def __init__(self, *, aspect_ratio: float, longest_gap: float):
        self._aspect_ratio = aspect_ratio
        self._longest_gap = longest_gap
        self._subjects: dict[int, Subject] = {}
        self._by_track: dict[int, Subject] = {}
        self._next_number = 1

    @property
    def is_empty(self) -> bool:
        """Whether nobody is known."""
        return not self._subjects

    def expire(self, at_seconds: float) -> list[int]:
        """Drop the subjects that are lost at a time and return their numbers."""
        oldest = at_seconds - self._longest_gap
        lost = [subject for subject in self._subjects.values() if subject.last_seen < oldest]
        for subject in lost:
            del self._subjects[subject.number]
            for track_id in subject.seen:
                del self._by_track[track_id]
        for subject in self._subjects.values():
            if len(subject.seen) > 1:
                for track_id in [known for known, at in subject.seen.items() if at < oldest]:
                    del self._by_track[track_id], subject.seen[track_id]
        return [subject.number for subject in lost]

    def select_news(self, observations: Iterable[Observation]) -> list[Observation]:
        """Return the observations that are later than the last ones of their tracks."""
        return [
            one
            for one in observations
            if one.track_id not in self._by_track
            or one.at_seconds > self._by_track[one.track_id].last_seen
        ]

    def resolve(
        self,
        observations: Sequence[Observation],
        at_seconds: float,
        *,
        is_held: bool = False,
        reserved: Set[int] = frozenset(),
    ) -> list[Subject]:
        """Return the subject of every observation of one moment, and bring it up to date.

        Args:
            observations: ordered by track id, so that the result does not depend on their order.
            reserved: track ids known to be in sight, whose subjects nobody else may take over.
        """
        found: list[Subject | None] = [self._by_track.get(seen.track_id) for seen in observations]
        if len(set(found)) < len(found):
            self._part_doubles(observations, found)
        if None in found:
            visible = {subject.number for subject in found if subject is not None}
            known = self._by_track.keys() & reserved
            visible.update(self._by_track[track_id].number for track_id in known)
            self._stitch(observations, at_seconds, found, visible)
        known_tracks = self._by_track
        for subject, observation in zip(found, observations, strict=True):
            subject.take(observation, at_seconds, is_held=is_held)
            known_tracks[observation.track_id] = subject
        return found

    def _part_doubles(self, observations, found):
        """Undo a stitch that proves wrong: both tracks are in sight, the older id was right."""
        first: dict[int, int] = {}
        for position, subject in enumerate(found):
            if subject is None:
                continue
            other = first.setdefault(subject.number, position)
            if other == position:
                continue
            rank = subject.track_ids.index
            ids = observations[other].track_id, observations[position].track_id
            stranger = other if rank(ids[1]) < rank(ids[0]) else position
            first[subject.number] = position if stranger == other else other
            parted = observations[stranger].track_id
            subject.give_up(parted)
            del self._by_track[parted]
            found[stranger] = None

    def _stitch(self, observations, at_seconds, found, visible):
        strangers = [position for position, subject in enumerate(found) if subject is None]
        pairs = []
        candidates = [one for one in self._subjects.values() if one.number not in visible]
        for position in strangers:
            for subject in candidates:
                cost = self._cost(subject, observations[position], at_seconds)
                if cost is not None:
                    pairs.append((cost, subject.number, position))
        used = set()
        for _, number, position in sorted(pairs):
            if number not in used and found[position] is None:
                used.add(number)
                found[position] = self._subjects[number]
        for position in strangers:
            if found[position] is None:
                subject = found[position] = Subject(self._next_number)
                self._subjects[subject.number] = subject
                self._next_number += 1

    def _cost(self, subject, observation, at_seconds) -> float | None:
        """Return how badly a new track fits a subject out of sight, or None if it cannot."""
        elapsed = at_seconds - subject.last_seen
        if not 0 < elapsed <= self._longest_gap or observation.class_name != subject.class_name:
            return None
        x1, y1, x2, y2 = subject.box
        u1, v1, u2, v2 = (float(value) for value in observation.box_xyxy)
        aspect = self._aspect_ratio
        area, new_area = (x2 - x1) * (y2 - y1), (u2 - u1) * (v2 - v1)
        if area <= 0 or new_area <= 0:
            return None
        growth = abs(math.log(new_area / area)) / 2
        if growth > math.log(SIZE_RATIO):
            return None
        ahead = min(elapsed, PREDICTION_SECONDS)
        way_x, way_y = subject.velocity[0] * ahead, subject.velocity[1] * ahead
        if is_leaving(subject.box, way_x, way_y):
            return None
        dx, dy = (u1 + u2 - x1 - x2) / 2 * aspect, (v1 + v2 - y1 - y2) / 2
        # The shorter of the two: somebody near is large, and would reach far behind.
        length = min(max((x2 - x1) * aspect, y2 - y1), max((u2 - u1) * aspect, v2 - v1))
        reach = (REACH_LENGTHS + REACH_LENGTHS_PER_SECOND * elapsed) * length
        distance = measure_distance((dx, dy), (way_x * aspect, way_y))
        return None if distance > reach else distance / reach + growth

    def state(self) -> dict:
        """Return all subjects as JSON values."""
        return {
            "next_number": self._next_number,
            "subjects": [subject.state() for subject in self._subjects.values()],
        }

    def restore(self, state: dict) -> None:
        """Take over the subjects of another book."""
        self._next_number = state["next_number"]
        subjects = [Subject.from_state(one) for one in state["subjects"]]
        self._subjects = {subject.number: subject for subject in subjects}
        self._by_track = {track_id: one for one in subjects for track_id in one.seen}


def measure_distance(point, way) -> float:
    """Return how far a point lies from a way that begins at the origin and ends at ``way``.

    A subject may have stopped anywhere on the way that it was going.
    """
    (x, y), (u, v) = point, way
    squared = u * u + v * v
    part = min(1.0, max(0.0, (x * u + y * v) / squared)) if squared > 0 else 0.0
    return math.hypot(x - part * u, y - part * v)


def is_leaving(box, way_x: float, way_y: float) -> bool:
    """Tell whether most of what the picture shows of a box would be out of it after a way.

    >>> is_leaving((0.9, 0.2, 1.0, 0.6), 0.06, 0.0), is_leaving((0.9, 0.2, 1.0, 0.6), 0.0, 0.0)
    (True, False)
    """
    x1, y1, x2, y2 = (min(1.0, max(0.0, side)) for side in box)
    width = min(x2 + way_x, 1.0) - max(x1 + way_x, 0.0)
    height = min(y2 + way_y, 1.0) - max(y1 + way_y, 0.0)
    seen = max(width, 0.0) * max(height, 0.0)
    return seen < LEAVING_SHARE * (x2 - x1) * (y2 - y1)
