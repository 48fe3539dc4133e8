"""Which frames of a source a task classifier is shown: as many as those that it learned from.

A classifier learned from every so many-th frame of videos with a certain rate; hand speeds and
windows look different at another one. Where a source has the rate of the training videos, the very
same frames are taken, by their number. Any other source gives as many a second, by its clock; one
that has fewer gives all of them.
"""

from detection.vision.video import Sampler

# Sources this near to the rate of training count as having it: containers round.
NEAR = 0.1


class TaskSampler:
    """Choose frames for a classifier.

    Args:
        sample_rate: every so many-th frame was learned from.
        frames_per_second: how many of those there were a second, 0 where that is not known: then
            every so many-th frame it is.
        source_fps: of this source, None where nobody knows.
    """

    def __init__(self, sample_rate, frames_per_second, source_fps=None):
        self._every = max(int(sample_rate), 1)
        self._number = -1
        wanted = float(frames_per_second)
        is_same = source_fps and abs(source_fps / self._every - wanted) <= NEAR * wanted
        self._by_clock = Sampler(wanted) if wanted and not is_same else None

    @property
    def takes_by_number(self):
        """Whether it takes every so many-th frame, as features of a video have them."""
        return self._by_clock is None

    @property
    def number(self):
        """Return the number of the latest frame in its source; -1 before the first."""
        return self._number

    def wants(self, frame):
        """Say whether this frame is a sample; to be asked once per frame, in order."""
        # After a seek, or a broken stream, the source counts no more or from 0 again.
        self._number = max(frame.index, self._number + 1)
        if self._by_clock is not None:
            return self._by_clock.wants(frame.at_seconds)
        return self._number % self._every == 0

    def state(self):
        """Return what ``restore`` needs; JSON values."""
        by_clock = self._by_clock.state() if self._by_clock else None
        return {"number": self._number, "by_clock": by_clock}

    def restore(self, state):
        """Go on from a state of a sampler made with the same figures."""
        self._number = int(state["number"])
        if self._by_clock is not None and state["by_clock"] is not None:
            self._by_clock.restore(state["by_clock"])
