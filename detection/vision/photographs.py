"""Which frames of a session become photos: when something new is there, or at a steady beat.

Both are wishes of a camera that may change while it runs. All that decides is kept in the state,
so that a restarted session neither repeats a photo nor leaves one out.
"""

LEAST_SECONDS_APART = 10.0


class PhotoKeeper:
    """Choose photos among the sampled frames of one session.

    Args:
        stills: the StillKeeper of the session, which blackens private zones.
        forget_seconds: how long a track may be out of sight and still be the one that was seen.
    """

    def __init__(self, stills, *, forget_seconds=3.0):
        self.forget_seconds = forget_seconds
        self._stills = stills
        self._on_detection, self._every_seconds = False, None
        # By id of the tracks that are on a photo: when they were last in sight.
        self._known = {}
        self._new_at = self._beat = None

    def wish(self, *, on_detection, every_seconds):
        """Say what photos are wanted from now on; ``every_seconds`` may be None."""
        self._on_detection, self._every_seconds = on_detection, every_seconds

    def see(self, frame, tracked):
        """Return the Still of a sampled frame that becomes a photo, or None."""
        if not (self._on_detection or self._every_seconds):
            return None
        at_seconds = tracked.at_seconds
        is_on_beat = self._is_on_beat(at_seconds)
        shows_new = self._on_detection and self._shows_new(tracked)
        if not is_on_beat and not shows_new:
            return None
        if shows_new:
            self._new_at = at_seconds
        if self._on_detection:
            self._known.update({one.track_id: at_seconds for one in tracked.observations})
        return self._stills.picture(frame, tracked)

    def _shows_new(self, tracked):
        """Whether a track is in sight that no photo shows, and the last such photo is long ago.

        A track that came too soon after it waits; if it stays, the next photo is of that.
        """
        at_seconds = tracked.at_seconds
        for one in tracked.observations:
            if one.track_id in self._known:
                self._known[one.track_id] = at_seconds
        oldest = at_seconds - self.forget_seconds
        self._known = {one: seen for one, seen in self._known.items() if seen >= oldest}
        if self._new_at is not None and at_seconds - self._new_at < LEAST_SECONDS_APART:
            return False
        return any(one.track_id not in self._known for one in tracked.observations)

    def _is_on_beat(self, at_seconds):
        """Whether this is the first frame in a stretch of ``every_seconds``, counted from 0."""
        if not self._every_seconds:
            return False
        beat = int(at_seconds / self._every_seconds)
        before, self._beat = self._beat, beat
        return beat != before

    def state(self):
        return {
            "known": [[track_id, seen] for track_id, seen in self._known.items()],
            "new_at": self._new_at,
            "beat": self._beat,
        }

    def restore(self, state):
        """Take up a state; None, from before there were photos, starts anew."""
        if state is None:
            return
        self._known = dict(state["known"])
        self._new_at, self._beat = state["new_at"], state["beat"]
