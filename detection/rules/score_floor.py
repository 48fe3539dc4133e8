"""Which incidents are told: those whose best score reached the threshold of their class.

A person chooses a threshold from verdicts on incidents, by the best score that each had while a
rule held. So that what was chosen is what happens, just that score decides here, and nothing before
it: tracks of lower score still count in crowds, own things and take part in dwell, and they still
lie in the track log, where faces are looked for. Hiding a person's track from the rules would
leave their bag without an owner, and a threshold could then make incidents. This one only takes
some away.

An incident is told as opened in the frame in which its best score reaches the threshold, with the
times at which its rules held; one that never does leaves nothing behind.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from detection.rules.incidents import CLOSED, OPENED, IncidentRecord, Transition


class ScoreFloor:
    """Hold back the incidents of one session until they reach the threshold of their class."""

    def __init__(self, thresholds: Mapping[str, float] | None = None):
        self._thresholds = dict(thresholds or {})
        self._held: set[str] = set()
        self._dropped: list[str] = []

    def heed(self, thresholds: Mapping[str, float]) -> None:
        """Go by these thresholds from now on: {class name: score}; what was told stays told."""
        self._thresholds = dict(thresholds)

    def reaches(self, record: IncidentRecord) -> bool:
        """Say whether an incident has the score that its class needs."""
        return record.peak_score >= self._thresholds.get(record.class_name, 0.0)

    def pass_on(
        self,
        transitions: Sequence[Transition],
        records_of: Callable[[Iterable[str]], Sequence[IncidentRecord]],
    ) -> Sequence[Transition]:
        """Return what of a frame's transitions is told.

        Args:
            records_of: keys -> the open incidents of these keys as they stand, in order.
        """
        if not self._thresholds and not self._held:
            return transitions
        told = []
        for transition in transitions:
            told += self._judged(transition)
        for record in records_of(self._held) if self._held else ():
            if self.reaches(record):
                told.append(self._opened(record))
        return told

    def take_dropped(self) -> list[str]:
        """Return the keys of incidents that ended untold since the last call."""
        dropped, self._dropped = self._dropped, []
        return dropped

    def forget(self) -> None:
        """Forget what is held back: the incidents were ended elsewhere."""
        self._held.clear()

    def holds(self, key: str) -> bool:
        """Say whether an open incident is held back."""
        return key in self._held

    def state(self) -> dict:
        """Return what a restart needs, as JSON values; thresholds are read anew."""
        return {"held": sorted(self._held)}

    def restore(self, state: dict | None) -> None:
        """Go on where another one stood; None where nothing was held back yet."""
        self._held = set(state["held"]) if state else set()

    def _judged(self, transition):
        record = transition.incident
        if transition.kind == OPENED and not self.reaches(record):
            self._held.add(record.key)
            return []
        if record.key not in self._held:
            return [transition]
        if self.reaches(record):
            opened = self._opened(record)
            return [opened, transition] if transition.kind == CLOSED else [opened]
        if transition.kind == CLOSED:
            self._held.discard(record.key)
            self._dropped.append(record.key)
        return []

    def _opened(self, record):
        self._held.discard(record.key)
        return Transition(OPENED, replace(record, closed_at_seconds=None, close_reason=None))
