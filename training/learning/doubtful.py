"""Which stretches of a video a person should name, by what classifiers said sample by sample.

Two things speak for a stretch: the model that serves is unsure, or the one that looks on says
something else. A random stretch now and then, drawn without a look at either, is the control arm by
which it shows whether asking about doubt finds more mistakes than asking about anything.
"""

import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

LOW_CONFIDENCE, DISAGREEMENT, RANDOM = "low_confidence", "disagreement", "random"
SHORTEST, LONGEST = 1.0, 30.0  # seconds of a stretch
CLOSE_SECONDS = 1.0  # stretches so near to each other are one
PIECE_SECONDS = 5.0  # of the control arm
# A piece begins so much later than its place, so that one and a stretch never begin together.
PIECE_AFTER = 0.001
USUAL_STEP = 0.5
WHOLE_FROM = 0.9  # of the samples that a piece has room for
RANDOM_SHARE = 0.1
SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Sample:
    """What a classifier said of the seconds before a time."""

    at_seconds: float
    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch to name.

    Attributes:
        predicted: what was said most often in it; ``other``: by the one that looks on, where that
            differs.
        confidence: the mean of its samples'.
        priority: how doubtful it is, 0..1.
    """

    start: float
    end: float
    reason: str
    predicted: str
    other: str
    confidence: float
    priority: float

    @property
    def seconds(self):
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A sample of which something speaks for asking; ``by_other`` is the rival's objection."""

    sample: Sample
    unsure: float
    other: str
    by_other: float


def stretches(
    samples: Sequence[Sample], others: Sequence[Sample] = (), *, threshold: float
) -> list[Stretch]:
    """Return the doubtful stretches of 1 to 30 s, in order.

    Args:
        samples: of the model that serves, by time.
        others: of the one that looks on, by time.
        threshold: below this confidence a sample is doubtful.
    """
    step = step_of(samples)
    doubts = _doubts(samples, others, threshold, step)
    found = []
    for run in _runs(doubts, step):
        first = max(run[0].sample.at_seconds - step, 0.0)
        for part in _parts(run, first):
            start = max(part[0].sample.at_seconds - step, 0.0)
            end = part[-1].sample.at_seconds
            if end - start >= SHORTEST - SLACK:
                found.append(_stretch(part, start, end))
    return found


def step_of(samples: Sequence[Sample]) -> float:
    """Return the usual seconds between samples."""
    times = [sample.at_seconds for sample in samples]
    steps = [later - at for at, later in zip(times, times[1:], strict=False) if later > at]
    return min(median(steps), CLOSE_SECONDS) if steps else USUAL_STEP


def _doubts(samples, others, threshold, step):
    times = [other.at_seconds for other in others]
    found = []
    for sample in samples:
        other = _nearest(others, times, sample.at_seconds, step / 2)
        differs = other is not None and other.label != sample.label
        is_unsure = sample.confidence < threshold
        if is_unsure or differs:
            found.append(
                _Doubt(
                    sample,
                    1.0 - sample.confidence if is_unsure else 0.0,
                    other.label if differs else "",
                    other.confidence if differs else 0.0,
                )
            )
    return found


def _nearest(samples, times, at_seconds, reach):
    """Return the sample nearest to a time and no farther off than ``reach``, None without one."""
    place = bisect_left(times, at_seconds)
    near = [samples[one] for one in (place - 1, place) if 0 <= one < len(samples)]
    best = min(near, key=lambda one: abs(one.at_seconds - at_seconds), default=None)
    if best is None or abs(best.at_seconds - at_seconds) > reach + SLACK:
        return None
    return best


def _runs(doubts, step):
    """Return lists of doubts of which none is far from the next."""
    runs = []
    for doubt in doubts:
        reach = CLOSE_SECONDS + step + SLACK
        if runs and doubt.sample.at_seconds - runs[-1][-1].sample.at_seconds <= reach:
            runs[-1].append(doubt)
        else:
            runs.append([doubt])
    return runs


def _parts(run, start):
    """Return a run as parts of at most 30 s."""
    parts = {}
    for doubt in run:
        into = doubt.sample.at_seconds - start
        parts.setdefault(int(max(into - SLACK, 0.0) // LONGEST), []).append(doubt)
    return list(parts.values())


def _stretch(part, start, end):
    unsure = sum(doubt.unsure for doubt in part) / len(part)
    against = sum(doubt.by_other for doubt in part) / len(part)
    return Stretch(
        start=start,
        end=end,
        reason=DISAGREEMENT if against > unsure else LOW_CONFIDENCE,
        predicted=_usual(doubt.sample.label for doubt in part),
        other=_usual(doubt.other for doubt in part if doubt.other),
        confidence=sum(doubt.sample.confidence for doubt in part) / len(part),
        priority=max(unsure, against),
    )


def _usual(labels) -> str:
    """Return the most frequent label, of equals the first by name; "" of none."""
    counts = Counter(labels)
    return min(counts, key=lambda label: (-counts[label], label), default="")


def without(stretch: Stretch, taken: Sequence[tuple[float, float]]) -> Stretch | None:
    """Return what of a stretch comes after all that is taken of it; None for less than 1 s."""
    start = stretch.start
    for begins, ends in sorted(taken):
        if begins < stretch.end - SLACK and ends > start + SLACK:
            start = ends
    if stretch.end - start < SHORTEST - SLACK:
        return None
    return replace(stretch, start=start)


def best(
    found: Sequence[Stretch], most_an_hour: int, asked: dict[int, int] | None = None
) -> list[Stretch]:
    """Return the most doubtful stretches, at most so many of each hour of the video.

    Args:
        asked: {hour: how many there are already}.
    """
    room = Counter({hour: most_an_hour - count for hour, count in (asked or {}).items()})
    kept = []
    for stretch in sorted(found, key=lambda one: (-one.priority, one.start)):
        hour = hour_of(stretch.start)
        if room.setdefault(hour, most_an_hour) > 0:
            room[hour] -= 1
            kept.append(stretch)
    return kept


def hour_of(seconds: float) -> int:
    return int(seconds // 3600)


def pieces(samples: Sequence[Sample], others: Sequence[Sample] = ()) -> list[Stretch]:
    """Return all whole pieces of 5 s of which something was said throughout, in order."""
    step = step_of(samples)
    wanted = WHOLE_FROM * PIECE_SECONDS / step
    by_piece, rivals = _by_piece(samples), _by_piece(others)
    found = []
    for number, said in sorted(by_piece.items()):
        if len(said) < wanted:
            continue
        predicted = _usual(sample.label for sample in said)
        other = _usual(sample.label for sample in rivals.get(number, ()))
        found.append(
            Stretch(
                start=number * PIECE_SECONDS + PIECE_AFTER,
                end=(number + 1) * PIECE_SECONDS,
                reason=RANDOM,
                predicted=predicted,
                other=other if other != predicted else "",
                confidence=sum(sample.confidence for sample in said) / len(said),
                priority=0.0,
            )
        )
    return found


def _by_piece(samples):
    """Return samples by the piece in which the seconds lie that they tell of."""
    found = {}
    for sample in samples:
        number = int(max(sample.at_seconds - SLACK, 0.0) // PIECE_SECONDS)
        found.setdefault(number, []).append(sample)
    return found


def drawn(
    population: Sequence[Stretch], asked: Sequence[Stretch], keys: Sequence[bytes]
) -> list[Stretch]:
    """Return the random pieces that go with stretches: one for every nine, by their keys.

    A piece has the priority of the stretch that it goes with, so that neither arm is labelled
    before the other.

    Args:
        keys: a keyed hash of each stretch, at least 8 bytes: nobody can tell which draw.
    """
    chosen = {}
    for stretch, key in zip(asked, keys, strict=True):
        chance = int.from_bytes(key[:8], "big") / 2**64
        if population and chance < RANDOM_SHARE / (1.0 - RANDOM_SHARE):
            piece = random.Random(key).choice(population)
            chosen.setdefault(piece.start, replace(piece, priority=stretch.priority))
    return [chosen[start] for start in sorted(chosen)]
