"""People on paths of straight pieces, in continuous time, who are never a close call.

Everything happens by margins wider than a sample period at 2 frames a second: a stay is longer or
shorter than a rule's threshold by more than that, an absence is bridged or is not. What the rules
must find is therefore known while a scenario is written, and sampling cannot change it.

Four places lie side by side below a corridor; a visit goes down into one and up again. Above the
corridor somebody runs, two struggle, a thing is left. Nobody vanishes before everybody has
appeared, so that a new track can only be who has just blinked.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass, field, replace

from detection.rules.base import RuleSpec, ZoneSpec
from detection.vision.types import Observation, TrackedFrame

ASPECT = 16 / 9
CORRIDOR = 0.5
TOP = 0.7
COLUMNS = {"hall": 0.14, "yard": 0.38, "vault": 0.62, "plaza": 0.86}
RING = ZoneSpec("ring", "monitored", ((0.1, 0.28), (0.3, 0.28), (0.3, 0.38), (0.1, 0.38)))
# More than a sample period at 2 fps on either side of a threshold, roundings included.
MARGIN = 0.6
LONGEST_BRIDGED = 0.9


def make_zone(name, slant=0.0):
    """Return a place: its upper edge on TOP, its sides slanted outwards."""
    left, right = COLUMNS[name] - 0.1, COLUMNS[name] + 0.1
    kind = "restricted" if name == "vault" else "monitored"
    corners = ((left + slant, TOP), (right - slant, TOP), (right, 1.0), (left, 1.0))
    return ZoneSpec(name, kind, corners)


@dataclass
class Person:
    """A walker; the path is (seconds, x, feet) with straight pieces between.

    Attributes:
        tracks: (track id, from, until) while the tracker sees them.
        pace: body heights per second when walking.
        limb_speeds: (from, until, body heights a second) where poses were estimated.
    """

    number: int
    height: float = 0.2
    pace: float = 1.0
    path: list = field(default_factory=list)
    tracks: list = field(default_factory=list)
    limb_speeds: list = field(default_factory=list)

    def start(self, at, x, feet=CORRIDOR):
        self.path = [(at, x, feet)]
        self.tracks = [[100 * self.number + 1, at, math.inf]]

    @property
    def now(self):
        return self.path[-1][0]

    def wait(self, seconds):
        self.path.append((self.now + seconds, *self.path[-1][1:]))

    def wait_until(self, at):
        self.wait(max(0.0, at - self.now))

    def go(self, x, feet, pace=None):
        """Walk straight to a place."""
        _, from_x, from_feet = self.path[-1]
        distance = math.hypot((x - from_x) * ASPECT, feet - from_feet)
        seconds = distance / ((pace or self.pace) * self.height)
        self.path.append((self.now + seconds, x, feet))

    def blink(self, seconds):
        """Be unseen for a while, and come back as a new track."""
        last = self.tracks[-1]
        last[2] = self.now - 1e-6
        self.wait(seconds)
        self.tracks.append([last[0] + 1, self.now, math.inf])

    def end(self):
        self.tracks[-1][2] = self.now

    def place(self, at):
        """Return (x, feet) at a time."""
        after = bisect_right(self.path, at, key=lambda point: point[0])
        if after >= len(self.path):
            return self.path[-1][1:]
        (t0, x0, y0), (t1, x1, y1) = self.path[max(0, after - 1)], self.path[after]
        part = 0.0 if t1 <= t0 else max(0.0, (at - t0) / (t1 - t0))
        return x0 + part * (x1 - x0), y0 + part * (y1 - y0)

    def observe(self, at):
        track_id = next((one for one, first, last in self.tracks if first <= at <= last), None)
        if track_id is None:
            return None
        x, feet = self.place(at)
        half = 0.2 * self.height / ASPECT
        # Hardly ever the same score twice, so that there is one best sighting.
        score = 0.6 + 0.02 * self.number + 0.1 * math.sin(at / 3 + self.number)
        box = (x - half, feet - self.height, x + half, feet)
        limbs = next((speed for a, b, speed in self.limb_speeds if a <= at <= b), None)
        return Observation(at, track_id, "person", score, box, limbs)


@dataclass
class Thing:
    """Something that has come to rest: static foreground until it is taken."""

    number: int
    start: float
    end: float
    x: float
    feet: float
    settled_after: float = 3.0
    height: float = 0.05

    def observe(self, at):
        half = 0.5 * self.height / ASPECT
        box = (self.x - half, self.feet - self.height, self.x + half, self.feet)
        return Observation(at, -self.number, "unknown object", 0.5, box)


@dataclass
class Scenario:
    """People, things, rules, and the (rule kind, place, people) that must be found."""

    people: list
    zones: list
    rules: list
    things: list = field(default_factory=list)
    expected: list = field(default_factory=list)

    @property
    def seconds(self):
        ends = [person.now for person in self.people] + [one.end for one in self.things]
        return max(ends, default=0.0) + 6.0

    def whose(self, track_ids):
        """Return the numbers of the people behind track ids."""
        return tuple(sorted({track_id // 100 for track_id in track_ids if track_id > 0}))


def film(scenario, fps, *, phase=0.0, pixels=None):
    """Sample a scenario at times ``(k + phase) / fps``; boxes on whole pixels where asked."""
    frames, settled = [], set()
    for number in range(int(scenario.seconds * fps)):
        at = (number + phase) / fps
        seen = [person.observe(at) for person in scenario.people]
        seen = [_on_pixels(one, pixels) for one in seen if one is not None]
        resting = _foreground(scenario.things, at, settled)
        resting = [_on_pixels(one, pixels) for one in resting]
        frames.append(TrackedFrame(at, tuple(seen), foreground=tuple(resting)))
    return frames


def _foreground(things, at, settled):
    """Return what rests at a time; what has just settled brings its first sighting."""
    seen = []
    for thing in things:
        if thing.start + thing.settled_after <= at <= thing.end:
            if thing.number not in settled:
                settled.add(thing.number)
                seen.append(thing.observe(thing.start))
            seen.append(thing.observe(at))
    return seen


def _on_pixels(observation, pixels):
    if pixels is None:
        return observation
    sizes = (*pixels, *pixels)
    edges = zip(observation.box_xyxy, sizes, strict=True)
    box = tuple(round(edge * size) / size for edge, size in edges)
    return replace(observation, box_xyxy=box)


def visit(person, place, *, inside, absence=None, lane=0.0):
    """Walk to a place, stay inside for some seconds, and come back to the corridor.

    Args:
        inside: seconds between crossing the edge inwards and outwards.
        absence: (after, seconds, "outside" | "blink") within the stay, or None.
        lane: where along the place's width, so that people do not stand in each other.
    """
    x = COLUMNS[place] + lane
    person.go(x, CORRIDOR)
    # A deep place takes longer to leave than a short visit lasts.
    crossing = min(0.15 / (person.pace * person.height), inside / 2.5)
    if absence:
        crossing = min(crossing, absence[0] / 2.5)
    depth = crossing * person.pace * person.height
    person.go(x, TOP)
    entered = person.now
    person.go(x, TOP + depth)
    if absence:
        after, seconds, how = absence
        if how == "blink":
            person.wait_until(entered + after)
            person.blink(seconds)
        else:
            _step_out(person, x, depth, entered + after, seconds)
    person.wait_until(entered + inside - crossing)
    person.go(x, TOP)
    person.go(x, CORRIDOR)


def _step_out(person, x, depth, at, seconds):
    """Be outside the place's edge for some seconds from a time on."""
    person.wait_until(at - depth / (person.pace * person.height))
    person.go(x, TOP)
    reach = min(0.05, seconds / 3 * person.pace * person.height)
    person.go(x, TOP - reach)
    person.wait_until(at + seconds - reach / (person.pace * person.height))
    person.go(x, TOP)
    person.go(x, TOP + depth)


def run_across(number, *, at, speed):
    """Return somebody who crosses the picture at a speed in body heights per second."""
    runner = Person(number, height=0.13)
    runner.start(0.0, 0.03, feet=0.16)
    runner.wait_until(at)
    runner.go(0.95, 0.16, pace=speed)
    return runner


def scuffle(numbers, *, at, seconds, steps):
    """Return two persons who stand together and, for some seconds, lunge at each other.

    Args:
        steps: seconds that each lunge takes, used in turn; too uneven to fit any sampling.
    """
    pair = []
    for side, number in zip((-1, 1), numbers, strict=True):
        person = Person(number, height=0.12)
        # They change sides, and never are out of each other's reach.
        ends = [
            0.2 + side * 0.4 * person.height / ASPECT,
            0.2 - side * 0.4 * person.height / ASPECT,
        ]
        person.start(0.0, ends[0], feet=0.33)
        person.wait_until(at)
        count = 0
        while person.now < at + seconds:
            count += 1
            moment = person.now + steps[count % len(steps)]
            person.path.append((moment, ends[count % 2], 0.33))
        pair.append(person)
    return pair


def put_down(number, *, at, away):
    """Return somebody who puts a thing down, is far from it for some seconds, and the thing."""
    owner = Person(number, height=0.15)
    owner.start(0.0, 0.9, feet=0.33)
    owner.wait_until(at)
    thing = Thing(number, at - 1.0, math.inf, x=0.9, feet=0.33)
    # 1.5 heights are with it still; the way from there to the farthest point and back is 6.
    owner.go(0.9 - 4.5 * owner.height / ASPECT, 0.33)
    owner.wait(away - 6.0)
    owner.go(0.9, 0.33)
    owner.wait(5.0)
    return owner, thing


def loitering(threshold, cooldown, places=("hall", "yard")):
    parameters = {"threshold_seconds": threshold, "cooldown_seconds": cooldown}
    return RuleSpec("loitering", "loitering", tuple(places), ("person",), parameters=parameters)


def entry(minimum, cooldown):
    parameters = {"min_duration_seconds": minimum, "cooldown_seconds": cooldown}
    kind = "restricted_zone_entry"
    return RuleSpec("entry", kind, ("vault",), ("person",), "high", parameters=parameters)


def crowd(minimum):
    parameters = {"threshold_count": 3, "min_duration_seconds": minimum}
    return RuleSpec("crowd", "crowd_formation", ("plaza",), ("person",), parameters=parameters)


def watch(kind, zones=(), **parameters):
    """Return a rule of a kind about everybody, wherever they are or in some zones."""
    return RuleSpec(kind, kind, zones, parameters=parameters)
