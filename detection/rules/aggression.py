"""Aggression: persons within reach of each other who struggle.

Somebody who stands, walks or passes by moves steadily: half a second ago they were midway between
where they were a second ago and where they are now, and so was every edge of their box. Somebody
who lunges, grapples, is pushed or goes down was not. How far off midway a person's box was, by
itself and against whoever is within reach, in body heights a second, is their *relative motion*.
Where poses are estimated, fast wrists and ankles count as well. It takes two: one of two who stand
together may well stack a shelf.

What is counted is kept per person, not per pair: in a grapple tracks end and begin, and whoever
is within reach is the other side.

The threshold of motion comes from people who do not fight: 0.25 body heights/s is about twice what
those who stand and walk within reach of each other reach over two seconds, seen by our detector
(0.12) or with true boxes (the MOT15 sequences: 0.14), the swing of their legs included. A lunge of
a third of a body height there and back within a second makes 0.3. A detector whose boxes jump more
wants a higher threshold. Walking swings wrists and ankles at about 1 body height/s on average, a
strike at 3 and more; 1.5 lies between.
"""

from collections import deque

import numpy as np

from detection.rules.base import LIFECYCLE_PARAMETERS, Holding, Parameter, Rule, format_seconds
from detection.rules.pairs import Pairs, connect
from detection.rules.trails import Trails, measure_bodies

HALF_SECONDS = 0.5
# "Half a second ago" is the mean of these two offsets, as it is for interpolated low rates anyway:
# a gait of two steps a second would else cancel out at some rates only.
SPREAD_SECONDS = 0.1
# No moment counts for more than this many times the threshold: one jump of a box is no struggle.
MOST_COUNTED = 1.5
# So much of the time it must be known how somebody moved: tracks break off where people grapple.
KNOWN_SHARE = 0.6
SLACK = 1e-6
NO_NUMBERS = np.zeros(0, np.int64)
NO_VALUES, NO_SUMS = np.zeros((2, 0)), np.zeros((4, 0))


class Stretch:
    """What counted of everyone within reach of somebody, during the last ``span_seconds``."""

    def __init__(self, span_seconds: float):
        self._span = span_seconds + SLACK
        # Per scene: time, its seconds, subject numbers (N,), shares and motions (2, N).
        self._scenes: deque = deque()
        # Of the same scenes: numbers, seconds, and seconds times shares and motions, (4, N), and
        # the numbers of those who reached the threshold.
        self._sums: deque = deque()

    def take(self, at_seconds, seconds, numbers, values) -> None:
        """Add a scene.

        Args:
            seconds: since the scene before.
            numbers: (N,) subject numbers.
            values: (2, N) shares of the threshold, and motions in body heights a second.
        """
        self._scenes.append((at_seconds, seconds, numbers, values))
        table, reached = NO_SUMS, ()
        if len(numbers):
            table = np.empty((4, len(numbers)))
            table[0], table[1], table[2:] = numbers, seconds, values * seconds
            reached = numbers[values[0] >= 1.0 - 2 * SLACK].tolist()
        self._sums.append((table, reached))
        while self._scenes[0][0] <= at_seconds - self._span:
            self._scenes.popleft()
            self._sums.popleft()

    def find_sustained(self, least_seconds: float) -> dict[int, float]:
        """Return the mean motion of those who reached the threshold on average.

        Args:
            least_seconds: for so long it must be known of somebody.
        """
        # Whoever reaches it on average must have reached it at some time.
        candidates = {number for _, reached in self._sums for number in reached}
        if not candidates:
            return {}
        known = np.array(sorted(candidates), np.float64)
        table = np.concatenate([table for table, _ in self._sums], axis=1)
        rows = known[:-1].searchsorted(table[0])
        columns = (known[rows] == table[0]).nonzero()[0]
        rows = rows[columns]
        spent, shares, motions = (np.bincount(rows, sums[columns]) for sums in table[1:])
        enough = (spent >= least_seconds - SLACK) & (shares >= spent * (1 - SLACK)) & (spent > 0)
        return {int(known[row]): float(motions[row] / spent[row]) for row in enough.nonzero()[0]}

    def state(self) -> list:
        return [
            [at, seconds, numbers.tolist(), values.tolist()]
            for at, seconds, numbers, values in self._scenes
        ]

    def restore(self, state: list) -> None:
        self._scenes, self._sums = deque(), deque()
        for at_seconds, seconds, numbers, values in state:
            values = np.array(values, np.float64).reshape(2, -1)
            self.take(at_seconds, seconds, np.array(numbers, np.int64), values)


class Brawl:
    """Persons who struggle with each other in a zone.

    Attributes:
        members: everyone who took part, by subject number.
        count: the most at once; ``motion`` and ``limb_speed`` are the highest, ``distance`` is the
            shortest between two of them, in body heights.
    """

    __slots__ = ("count", "distance", "last", "limb_speed", "members", "motion", "since")

    def __init__(self, since):
        self.since = self.last = since
        self.members: set[int] = set()
        self.count = 0
        self.motion = 0.0
        self.limb_speed: float | None = None
        self.distance: float | None = None

    def go_on(self, at_seconds, participants, motions, distance) -> None:
        """Take in who struggles now, ``motions`` by subject number."""
        self.last = at_seconds
        self.count = max(self.count, len(participants))
        self.motion = max(self.motion, *(motions[one.number] for one in participants))
        self.distance = distance if self.distance is None else min(self.distance, distance)
        limbs = [one.limb_speed for one in participants if one.limb_speed is not None]
        if limbs:
            self.limb_speed = max(self.limb_speed or 0.0, *limbs)

    def state(self) -> dict:
        return {name: getattr(self, name) for name in self.__slots__} | {
            "members": sorted(self.members)
        }

    @classmethod
    def from_state(cls, state: dict) -> "Brawl":
        brawl = cls(state["since"])
        for name, value in state.items():
            setattr(brawl, name, value)
        brawl.members = set(state["members"])
        return brawl


class Aggression(Rule):
    """Holds while two or more within reach struggle.

    Attributes:
        shares: of the latest scene, what counted of everyone in reach of somebody: from 1 on it
            is a struggle.
    """

    kind = "aggression"
    category = "aggression"
    default_severity = "high"
    default_classes = ("person",)
    parameters_by_name = {
        "threshold_motion": Parameter(
            0.25, "body heights/s", 0.02, 20.0, "relative motion of one who struggles"
        ),
        "threshold_limb_speed": Parameter(
            1.5, "body heights/s", 0.1, 50.0, "wrists and ankles of one who struggles"
        ),
        "reach": Parameter(1.0, "body heights", 0.1, 10.0, "between two who can touch each other"),
        "min_duration_seconds": Parameter(2.0, "s", 0.5, 600.0, "on average over so long"),
        **LIFECYCLE_PARAMETERS,
    }

    def __init__(self, spec, zones, timing):
        super().__init__(spec, zones, timing)
        self._half = max(HALF_SECONDS, timing.sample_seconds)
        self._spread = SPREAD_SECONDS if timing.sample_seconds < 2 * SPREAD_SECONDS + 0.01 else 0.0
        stay = timing.shortest_stay(self.parameters["min_duration_seconds"])
        self._span = max(stay, timing.sample_seconds)
        # What makes the edges of a box (4,) frame heights.
        self._shape = np.array((timing.aspect_ratio, 1.0) * 2)
        self._trails = Trails(2 * self._half)
        self._stretch = Stretch(self._span)
        self._brawls: dict[str, dict[str, Brawl]] = {zone: {} for zone in self.zones}
        self._last_at: float | None = None
        self.shares: tuple[float, ...] = ()

    @property
    def is_idle(self):
        return not self._trails.has_anybody and not any(self._brawls.values())

    @property
    def memory_seconds(self):
        return max(2 * self._half, self._span) + 2 * self.timing.sample_seconds

    def observe(self, scene):
        self._trails.take(scene)
        if scene.is_backfill:
            return []
        at_seconds = scene.at_seconds
        seconds = 0.0 if self._last_at is None else at_seconds - self._last_at
        self._last_at = at_seconds
        self._drop_old_brawls(at_seconds)
        members = {zone: scene.members_of_class(zone, self.classes) for zone in self.zones}
        people = list({one.number: one for found in members.values() for one in found}.values())
        pairs = self._learn(people, at_seconds, min(seconds, self._half))
        active = self._stretch.find_sustained(KNOWN_SHARE * self._span)
        if len(active) < 2 or pairs is None:
            return []
        holdings = []
        for zone, found in members.items():
            inside = active.keys() & {one.number for one in found}
            is_active = np.array([one.number in inside for one in people])
            links = np.flatnonzero(is_active[pairs.one] & is_active[pairs.other]).tolist()
            if links:
                holdings += self._gather(zone, people, pairs, links, active, at_seconds)
        return holdings

    def _drop_old_brawls(self, at_seconds):
        for brawls in filter(None, self._brawls.values()):
            for key in [k for k, one in brawls.items() if at_seconds - one.last > self.longest_gap]:
                del brawls[key]

    def _learn(self, people, at_seconds, seconds) -> Pairs | None:
        """Count for everyone within reach of somebody how they moved."""
        pairs, numbers, values = None, NO_NUMBERS, NO_VALUES
        if len(people) > 1:
            numbers = [one.number for one in people]
            pairs, unsteady = self._pair(numbers, at_seconds)
            motions = pairs.measure(unsteady)
            shares = motions / self.parameters["threshold_motion"]
            limbs = pairs.select_limbs([one.limb_speed for one in people])
            if limbs is not None:
                shares = np.fmax(shares, limbs / self.parameters["threshold_limb_speed"])
            known = ~np.isnan(shares)
            motions[np.isnan(motions)] = 0.0
            values = np.array((np.minimum(shares[known], MOST_COUNTED), motions[known]))
            numbers = np.array(numbers, np.int64)[known]
        self.shares = tuple(values[0].tolist())
        self._stretch.take(at_seconds, seconds, numbers, values)
        return pairs

    def _pair(self, numbers, at_seconds):
        """Return the pairs within reach, and how far off its steady way everyone's box is."""
        aspect, half, spread = self.timing.aspect_ratio, self._half, self._spread
        offsets, rows = (0.0, half - spread, half + spread, 2 * half), self._trails.rows_of(numbers)
        now, later, earlier, first = (
            self._trails.boxes_at(at_seconds - offset, rows) for offset in offsets
        )
        before = (later + earlier) / 2
        present, *past = measure_bodies(np.array((now, before, first)), aspect)
        # The median of the three; of those just come into sight only the present length is known.
        low, high = np.minimum(*past), np.maximum(*past)
        lengths = np.maximum(np.fmax(np.fmin(present, high), low), 1e-6)
        pairs = Pairs(now, lengths, self.parameters["reach"], aspect)
        off = (now - 2 * before + first) * self._shape
        return pairs, off / (lengths * 2 * half)[:, None]

    def _gather(self, zone, people, pairs, links, active, at_seconds):
        """Return the holdings of a zone: those who struggle, with whom they are within reach."""
        found: dict[str, tuple[set, list]] = {}
        named = [(int(pairs.one[link]), int(pairs.other[link]), link) for link in links]
        for members, joined in connect(named):
            key = self._find_brawl(zone, {people[row].number for row in members}, at_seconds)
            rows, known = found.setdefault(key, (set(), []))
            rows |= members
            known += joined
        holdings = []
        for key, (rows, joined) in found.items():
            participants = [people[row] for row in sorted(rows)]
            brawl = self._brawls[zone][key]
            brawl.go_on(at_seconds, participants, active, float(pairs.distance[joined].min()))
            holdings.append(Holding(key, zone, participants))
        return holdings

    def _find_brawl(self, zone, numbers, at_seconds) -> str:
        """Return the key of the brawl that these belong to; brawls that meet become the oldest."""
        brawls = self._brawls[zone]
        known = [key for key, one in brawls.items() if one.members & numbers]
        if not known:
            # Nobody is in two brawls, so the lowest number names it.
            many = f"{min(numbers)}-{max(numbers)}" if len(numbers) == 2 else str(min(numbers))
            key = f"pair:{many}" if len(numbers) == 2 else f"group:{many}x{len(numbers)}"
            brawls[key] = Brawl(at_seconds)
            known = [key]
        first = min(known, key=lambda key: (brawls[key].since, key))
        for key in known:
            if key != first:
                brawls[first].members |= brawls[key].members
                brawls[key].members = set()
        brawls[first].members |= numbers
        return first

    def numbers(self, subject, zone, until_seconds):
        brawl = self._brawls[zone][subject]
        limb_speed = brawl.limb_speed
        return {
            "count": brawl.count,
            "relative_speed": round(brawl.motion, 3),
            "limb_speed": None if limb_speed is None else round(limb_speed, 3),
            "distance": round(brawl.distance, 3),
            "duration_seconds": round(until_seconds - brawl.since + self._span, 3),
            "since_seconds": round(brawl.since - self._span, 3),
            "threshold_motion": self.parameters["threshold_motion"],
            "threshold_limb_speed": self.parameters["threshold_limb_speed"],
            "min_duration_seconds": self.parameters["min_duration_seconds"],
        }

    def why(self, class_name, zone, numbers):
        duration = format_seconds(numbers["duration_seconds"])
        who = "persons" if class_name == "person" else f"of class {class_name}"
        return f"aggression between {numbers['count']} {who} in {zone} for {duration}"

    def forget(self, numbers):
        self._trails.forget(numbers)

    def state(self):
        return {
            "last_at": self._last_at,
            "trails": self._trails.state(),
            "stretch": self._stretch.state(),
            "brawls": {
                zone: [[key, one.state()] for key, one in brawls.items()]
                for zone, brawls in self._brawls.items()
            },
        }

    def restore(self, state):
        self._last_at = state["last_at"]
        self._trails.restore(state["trails"])
        self._stretch.restore(state["stretch"])
        self._brawls = {
            zone: {key: Brawl.from_state(one) for key, one in state["brawls"][zone]}
            for zone in self.zones
        }
