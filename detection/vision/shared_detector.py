"""One detector for two who look at the same frames, which looks at each of them once."""


class SharedDetector:
    """Remember what the latest frame gave; otherwise the detector that it is made of.

    Tracks need a detection only where something moves, features of tasks need one of every frame
    that they are made of: the network runs once for both.
    """

    def __init__(self, detector):
        self.detector = detector
        self._latest = None

    def __getattr__(self, name):
        return getattr(self.detector, name)

    def detect(self, image, at_seconds=0.0):
        """Detect in a BGR picture unless it is the one of just now, by its time."""
        if self._latest is None or self._latest[0] != at_seconds:
            self._latest = at_seconds, self.detector.detect(image, at_seconds)
        return self._latest[1]

    def change(self, detector):
        """Let another detector look from here on."""
        self.detector, self._latest = detector, None
