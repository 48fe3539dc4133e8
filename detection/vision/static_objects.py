"""What has come to rest before the background, whether or not a detector knows it.

A small detector stops seeing a bag once it stands still, so rules about things left behind cannot
live on detections. Two running backgrounds are kept in small luma: a slow one, what the place
looks like when nothing stands there, and a fast one, what each pixel looks like at present. Where
the fast one has been steady for some seconds and differs from the slow one, something has come to
rest. All times are seconds on the source's clock and the picture is looked at five times a second
at most, so that the sampling rate does not change what is found.
"""

import math
from collections import deque

import cv2
import numpy as np

from detection.vision.belongings import UNKNOWN_OBJECT, moves_by_itself
from detection.vision.outlines import is_thing
from detection.vision.settled import FOLLOW_SECONDS, GONE, Settled
from detection.vision.types import Observation
from detection.vision.video import Sampler

GRID_WIDTH = 240
LOOKS_PER_SECOND = 5.0
# While nothing moves, one look in so many seconds is enough to count how long it has not.
STILL_SECONDS = 1.0
SLOW_SECONDS = 600.0
FAST_SECONDS = 4.0
# Where nothing stands, the background follows daylight and shadows at this pace.
EMPTY_SECONDS = 30.0
LIGHT_SECONDS = 10.0
# What comes into view during these first seconds was there before.
LEARN_SECONDS = 2.0
SETTLE_SECONDS = 4.0
# So much longer a thing may wait until the rest of it has come to rest too.
WHOLE_SECONDS = 6.0
LIGHT_STEP_SHARE = 0.35
LIGHT_STEP_SECONDS = 2.0
PIXELS_PER_LIGHT_SAMPLE = 37
# What lies between two looks counts up to so long, or up to so many periods of the sampling.
LONGEST_STEP_SECONDS, LONGEST_STEP_PERIODS = 1.0, 1.5
PERIODS_KEPT = 8
LARGEST_SHARE = 0.25
MOST_THINGS = 32


class StaticForeground:
    """Find things that came and stayed.

    Args:
        threshold: difference of grey (0..255) from the background that is no noise.
        minimum_px: smallest thing, in pixels of the small picture.
        padding: how far people may reach beyond their boxes, as a share of the box.
    """

    def __init__(self, *, threshold=16.0, minimum_px=9, padding=0.1):
        self.threshold = threshold
        self.minimum_px = minimum_px
        self.padding = padding
        self._sampler, self._ahead = Sampler(LOOKS_PER_SECOND), Sampler(LOOKS_PER_SECOND)
        self._next_number = 1
        self._given_seconds = None
        # The times between the latest frames; the shortest of them is the sampling period.
        self._pauses = deque(maxlen=PERIODS_KEPT)
        self._forget_scene()

    def look_ahead(self, frame):
        """Compute what ``update`` will want of a frame; safe in another thread."""
        if self._ahead.wants(frame.at_seconds):
            frame.small_gray(GRID_WIDTH)

    def update(self, frame, tracked):
        """Take the next sampled frame.

        Returns:
            an Observation for each thing at rest, box normalised. One that has just settled
            comes twice, first as of the time at which it first stood there.
        """
        at_seconds = float(frame.at_seconds)
        news = ()
        if self._sampler.wants(at_seconds) and not self._may_rest(tracked, at_seconds):
            size = (frame.width, frame.height)
            if size != self._size:
                self._forget_scene()
            small = cv2.blur(frame.small_gray(GRID_WIDTH), (3, 3))
            covered = self._covered(tracked, small.shape)
            if self._size is None:
                self._start(size, small, at_seconds)
            else:
                news = self._look(small, covered, at_seconds)
            self._note_hidden(covered, at_seconds)
            self._last_seconds = at_seconds
        self._note_pause(at_seconds)
        present = [one for one in self._things if one.state != GONE]
        return (*news, *(self._observe(one, at_seconds) for one in present))

    def _note_pause(self, at_seconds):
        if self._given_seconds is not None and at_seconds > self._given_seconds:
            self._pauses.append(at_seconds - self._given_seconds)
        self._given_seconds = at_seconds

    def _may_rest(self, tracked, at_seconds):
        """Say whether the motion gate saw nothing move, and the last look is not long ago."""
        if not tracked.is_held or self._last_seconds is None:
            return False
        return at_seconds - self._last_seconds < STILL_SECONDS - 1e-6

    def _forget_scene(self):
        self._size = None
        self._slow = self._fast = self._since = self._age = None
        self._is_owned = self._is_unknown = None
        self._things = []
        self._first_seconds = self._last_seconds = None
        self._step_until = -1.0

    def _start(self, size, small, at_seconds):
        self._size = size
        self._slow = small.astype(np.float32)
        self._fast = self._slow.copy()
        self._since, self._age = np.zeros_like(self._slow), np.zeros_like(self._slow)
        self._is_owned = np.zeros(small.shape, np.uint8)
        self._is_unknown = np.zeros(small.shape, np.uint8)
        self._first_seconds = at_seconds

    def _covered(self, tracked, shape):
        """Return (h, w) uint8, 1 inside the padded boxes of what moves by itself."""
        covered = np.zeros(shape, np.uint8)
        height, width = shape
        for seen in tracked.observations:
            if not moves_by_itself(seen.class_name):
                continue
            left, top, right, bottom = seen.box_xyxy
            pad_x, pad_y = self.padding * (right - left), self.padding * (bottom - top) / 2
            columns = slice(
                max(0, int((left - pad_x) * width) - 1),
                max(0, math.ceil((right + pad_x) * width) + 1),
            )
            rows = slice(
                max(0, int((top - pad_y) * height) - 1),
                max(0, math.ceil((bottom + pad_y) * height) + 1),
            )
            covered[rows, columns] = 1
        return covered

    def _note_hidden(self, covered, at_seconds):
        """Keep in mind what nobody has seen yet: what stands there was there before."""
        if at_seconds - self._first_seconds <= LEARN_SECONDS:
            self._is_unknown |= covered

    def _look(self, small, covered, at_seconds):
        longest = LONGEST_STEP_PERIODS * min(self._pauses, default=0.0)
        longest = max(LONGEST_STEP_SECONDS, longest)
        elapsed = min(max(0.0, at_seconds - self._last_seconds), longest)
        now = np.float32(at_seconds - self._first_seconds)
        grey = self._in_background_light(small, elapsed)
        self._reveal(grey, covered, now)
        differs = cv2.compare(cv2.absdiff(grey, self._slow), self.threshold, cv2.CMP_GT)
        changed = cv2.compare(cv2.absdiff(grey, self._fast), self.threshold * 0.8, cv2.CMP_GT)
        visible = cv2.compare(covered, 0, cv2.CMP_EQ)
        changed &= visible
        steps = cv2.countNonZero(changed) > LIGHT_STEP_SHARE * cv2.countNonZero(visible)
        if steps:
            self._step_until = at_seconds + LIGHT_STEP_SECONDS
        if at_seconds <= self._step_until:
            self._follow_light_step(grey, visible, changed, now)
        else:
            self._count(grey, visible, differs, changed, elapsed, now)
        self._follow_things(grey, covered, at_seconds, elapsed)
        if at_seconds <= self._step_until:
            return ()
        return self._settle(grey, visible, at_seconds)

    def _in_background_light(self, small, elapsed):
        """Return the frame as bright as the background; the background follows it slowly."""
        samples = small.ravel()[::PIXELS_PER_LIGHT_SAMPLE].astype(np.float32)
        ratios = (self._slow.ravel()[::PIXELS_PER_LIGHT_SAMPLE] + 4.0) / (samples + 4.0)
        middle = len(ratios) // 2
        gain = min(4.0, max(0.25, float(np.partition(ratios, middle)[middle])))
        if abs(gain - 1.0) > 0.02:
            share = gain ** -(1 - math.exp(-elapsed / LIGHT_SECONDS))
            for plane in (self._slow, self._fast):
                np.multiply(plane, np.float32(share), out=plane)
            for one in self._things:
                one.with_it *= np.float32(share)
                one.without *= np.float32(share)
            gain *= share
        return np.multiply(small, np.float32(gain), dtype=np.float32)

    def _reveal(self, grey, covered, now):
        """Take what was hidden from the start and is in view now for background."""
        if not self._is_unknown.any():
            return
        seen = (self._is_unknown > 0) & (covered == 0)
        self._absorb(seen, grey, now)
        self._is_unknown[seen] = 0

    def _absorb(self, where, grey, now):
        self._slow[where] = self._fast[where] = grey[where]
        self._age[where] = 0.0
        self._since[where] = now

    def _follow_light_step(self, grey, visible, changed, now):
        """Let a lamp change the background, but for what was on its way to settle."""
        is_pending = (self._age > 0) | (self._is_owned > 0)
        free = ((visible > 0) & ~is_pending).astype(np.float32)
        size = (2 * (grey.shape[1] // 10) + 1, 2 * (grey.shape[0] // 6) + 1)
        lit = cv2.boxFilter(grey * free, -1, size) + 0.1
        before = cv2.boxFilter(self._slow * free, -1, size) + 0.1
        self._slow = np.where(free > 0, grey, self._slow * (lit / before)).astype(np.float32)
        self._fast = np.where(visible > 0, grey, self._fast)
        self._since[free > 0] = now
        for one in self._things:
            one.without[:] = self._slow[one.window]

    def _count(self, grey, visible, differs, changed, elapsed, now):
        """Bring the backgrounds up to date, and since when each pixel is as it is."""
        rate = _rate(elapsed, FAST_SECONDS)
        cv2.accumulateWeighted(grey, self._fast, rate, mask=visible & ~changed)
        cv2.copyTo(grey, changed, self._fast)
        # In the way of people a pixel forgets at half the pace at which it counts: passers-by do
        # not matter, and somebody whose detection flickers does not come to rest.
        counts = visible & differs & ~changed
        cv2.accumulate(np.full_like(grey, 1.5 * elapsed), self._age, mask=counts)
        self._age -= np.float32(0.5 * elapsed)
        np.maximum(self._age, 0.0, out=self._age)
        restarts = changed | (visible & ~differs)
        cv2.copyTo(np.zeros_like(grey), restarts, self._age)
        cv2.copyTo(np.full_like(grey, now), restarts, self._since)
        learning = now <= LEARN_SECONDS
        free = visible & cv2.compare(self._is_owned, 0, cv2.CMP_EQ)
        empty_rate = _rate(elapsed, 0.5 if learning else EMPTY_SECONDS)
        cv2.accumulateWeighted(grey, self._slow, empty_rate, mask=free & ~differs)
        slow_rate = _rate(elapsed, 0.5 if learning else SLOW_SECONDS)
        cv2.accumulateWeighted(grey, self._slow, slow_rate, mask=free & differs)

    def _follow_things(self, grey, covered, at_seconds, elapsed):
        if not self._things:
            return
        rate = _rate(elapsed, FOLLOW_SECONDS)
        for one in list(self._things):
            if not one.look(grey, covered, at_seconds, rate):
                continue
            self._things.remove(one)
            if one.state == GONE:
                where = np.zeros(grey.shape, bool)
                where[one.window] = one.ring & (covered[one.window] == 0)
                self._absorb(where, grey, np.float32(at_seconds - self._first_seconds))
            self._mark_owned()

    def _mark_owned(self):
        self._is_owned[:] = 0
        for one in self._things:
            self._is_owned[one.window] |= one.ring

    def _settle(self, grey, visible, at_seconds):
        """Turn what has been at rest for long enough into things; return their first sightings."""
        ripe = cv2.compare(self._age, SETTLE_SECONDS - 0.01, cv2.CMP_GE)
        ripe[self._is_owned > 0] = 0
        if cv2.countNonZero(ripe) < self.minimum_px:
            return ()
        closed = cv2.morphologyEx(ripe, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
        news = []
        for label in range(1, count):
            area = stats[label, cv2.CC_STAT_AREA]
            if area < self.minimum_px or min(stats[label, 2:4]) < 2:
                continue
            mask = (labels == label).astype(np.uint8)
            if not self._is_whole(mask, ripe, visible):
                continue
            news += self._judge(mask, area, grey, visible, at_seconds)
        return tuple(news)

    def _is_whole(self, mask, ripe, visible):
        """Say whether nothing beside the blob is still coming to rest."""
        if float(self._age[mask > 0].max()) >= SETTLE_SECONDS + WHOLE_SECONDS:
            return True
        around = cv2.dilate(mask, np.ones((7, 7), np.uint8)) > 0
        coming = around & (self._age > 0.5) & (ripe == 0) & (visible > 0)
        coming &= self._is_owned == 0
        return np.count_nonzero(coming) <= 0.3 * np.count_nonzero(mask)

    def _judge(self, mask, area, grey, visible, at_seconds):
        """Keep a blob that is a thing, take any other into the background."""
        too_large = area > LARGEST_SHARE * mask.size
        if too_large or not is_thing(mask, grey, self._slow, visible):
            where = cv2.dilate(mask, np.ones((5, 5), np.uint8)) > 0
            where &= (visible > 0) & (self._is_owned == 0)
            self._absorb(where, grey, np.float32(at_seconds - self._first_seconds))
            return []
        touched = self._find_touching(mask)
        if touched is not None:
            self._extend(touched, mask, grey)
            return []
        if len(self._things) >= MOST_THINGS:
            return []
        since = float(np.median(self._since[mask > 0])) + self._first_seconds
        one = Settled.remember(self._next_number, mask, grey, self._slow)
        self._next_number += 1
        self._things.append(one)
        self._mark_owned()
        return [self._observe(one, since)] if since < at_seconds else []

    def _find_touching(self, mask):
        around = cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0
        for one in self._things:
            if np.any(around[one.window] & one.ring):
                return one
        return None

    def _extend(self, one, mask, grey):
        """Add to a thing a part of it that came into view later."""
        whole = mask.copy()
        whole[one.window] |= one.shape
        whole = cv2.morphologyEx(whole, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
        grown = Settled.remember(one.number, whole, grey, self._slow)
        self._things[self._things.index(one)] = grown
        self._mark_owned()

    def _observe(self, one, at_seconds):
        left, top, right, bottom = one.box_px()
        width, height = self._size
        factor = max(1, -(-width // GRID_WIDTH))
        box = (
            left * factor / width,
            top * factor / height,
            right * factor / width,
            bottom * factor / height,
        )
        return Observation(at_seconds, -one.number, UNKNOWN_OBJECT, round(one.score, 2), box)

    def state(self):
        """Return what a restart needs: JSON values and arrays."""
        planes = ("slow", "fast", "since", "age", "is_owned", "is_unknown")
        return {
            **{name: _copied(getattr(self, f"_{name}")) for name in planes},
            "size": None if self._size is None else list(self._size),
            "things": [one.saved() for one in self._things],
            "next_number": self._next_number,
            "first_seconds": self._first_seconds,
            "last_seconds": self._last_seconds,
            "step_until": self._step_until,
            "given_seconds": self._given_seconds,
            "pauses": list(self._pauses),
            "sampler": self._sampler.state(),
        }

    def restore(self, state):
        """Continue from ``state()``."""
        for name in ("slow", "fast", "since", "age", "is_owned", "is_unknown"):
            setattr(self, f"_{name}", _copied(state[name]))
        self._size = None if state["size"] is None else tuple(state["size"])
        self._things = [Settled.from_saved(one) for one in state["things"]]
        names = ("next_number", "first_seconds", "last_seconds", "step_until", "given_seconds")
        for name in names:
            setattr(self, f"_{name}", state[name])
        self._pauses = deque(state["pauses"], maxlen=PERIODS_KEPT)
        self._sampler.restore(state["sampler"])


def _rate(elapsed, seconds):
    return 1 - math.exp(-elapsed / seconds)


def _copied(array):
    return None if array is None else array.copy()
