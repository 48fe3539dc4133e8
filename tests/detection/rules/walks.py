"""Persons who walk, run, stand and struggle, drawn as boxes at any sampling rate.

Lengths are in frame heights, the picture is 16:9; a body is 0.3 tall unless said otherwise.
"""

import math

from detection.rules.base import RuleSpec
from detection.vision.types import Observation, TrackedFrame
from tests.detection.rules.scenes import closed, make_engine, play

ASPECT = 16 / 9
BODY = 0.3


def box_at(x, feet=0.9, *, body=BODY, width=0.36):
    """Return the box of somebody at ``x`` (frame heights from the left)."""
    half = width * body / 2
    return ((x - half) / ASPECT, feet - body, (x + half) / ASPECT, feet)


def film(places, *, fps, until, phase=0.0, held=(), lost=()):
    """Return tracked frames at times ``phase + k / fps``.

    Args:
        places: {track id: function of time -> box or None, or (box, limb speed)}.
        held: positions of frames that repeat the boxes of the one before.
        lost: (track id, position of frame) in which a track is not seen.
    """
    frames = []
    for number in range(math.ceil((until - phase) * fps)):
        at = phase + number / fps
        seen = []
        for track_id, place in places.items():
            found = place(at)
            if found is None or (track_id, number) in lost:
                continue
            box, limbs = found if isinstance(found[0], tuple) else (found, None)
            seen.append(Observation(at, track_id, "person", 0.8, box, limbs))
        if number in held and frames:
            before = frames[-1].observations
            seen = [Observation(at, o.track_id, "person", 0.8, o.box_xyxy) for o in before]
        frames.append(TrackedFrame(at, tuple(seen), is_held=number in held))
    return frames


def still(x, **options):
    return lambda at: box_at(x, **options)


def going(speed, *, start=0.2, since=0.0, until=math.inf, **options):
    """Return a walk at ``speed`` body heights a second between two times."""

    def place(at):
        gone = min(max(at, since), until) - since
        return box_at(start + BODY * speed * gone, **options)

    return place


def struggling(x, seed, *, since=0.0, until=math.inf, strength=0.2):
    """Return somebody who lunges and ducks irregularly, but the same at every rate."""
    pace = 0.9 + 0.13 * (seed % 4)

    def place(at):
        if not since <= at <= until:
            return box_at(x)
        swing = strength * BODY
        lunge = swing * (
            math.sin(2 * math.pi * pace * at + seed) + 0.6 * math.sin(4.1 * at * pace + 2 * seed)
        )
        duck = swing * (1 + math.sin(2 * math.pi * 0.8 * pace * at + 3 * seed)) / 2
        left, top, right, feet = box_at(x + lunge)
        return left, top + duck, right + duck / ASPECT, feet

    return place


def rapid(**parameters):
    return RuleSpec("rapid", "rapid_movement", parameters=parameters)


def brawl(**parameters):
    return RuleSpec("brawl", "aggression", severity="high", parameters=parameters)


def incidents(rules, frames, *, fps):
    """Return the closed incidents of frames under rules, in the order of opening."""
    return closed(play(make_engine(rules, fps=fps), frames))
