"""Where everybody stands: in which zones the anchor of a box lies.

The zones that a box stands in are one number with a bit for each, so that they are as quickly
worked out for a frame as for a day of frames, and cheap to keep.
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import chain

import numpy as np
import shapely

from detection.rules.base import WHOLE_FRAME, ZoneSpec
from detection.vision.types import Observation

# A detector ends a box at the frame's lower edge and the tracker smooths it a little past it; the
# feet are then below the picture, and the edge stands for them.
EDGE_TOLERANCE = 0.05
# As many zones as there are bits in an integer of numpy; with more, Python's serve.
MOST_BITS = 62


def to_boxes(observations: Sequence[Observation]) -> np.ndarray:
    """Return the boxes of observations, (N, 4)."""
    edges = chain.from_iterable([seen.box_xyxy for seen in observations])
    return np.fromiter(edges, np.float64).reshape(len(observations), 4)


def make_anchors(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of the bottom centres of boxes (N, 4) that may reach out of the frame."""
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]
    return x, np.where((y > 1.0) & (y <= 1.0 + EDGE_TOLERANCE), 1.0, y)


class ZoneMap:
    """The zones that rules watch, the whole frame among them where one does.

    Args:
        zones: the camera's.
        watched: names of those that matter, and WHOLE_FRAME.
    """

    def __init__(self, zones: Sequence[ZoneSpec], watched: Collection[str]):
        polygons = {zone.name: shapely.Polygon(zone.polygon) for zone in zones}
        self._names = [name for name in polygons if name in watched]
        bits = {name: 1 << bit for bit, name in enumerate(self._names)}
        self._everywhere = 0
        if WHOLE_FRAME in watched:
            self._everywhere = 1 << len(self._names)
            self._names.append(WHOLE_FRAME)
        self._watched = (1 << len(self._names)) - 1
        # What nobody watches may still keep others out of a zone.
        unwatched = [zone for zone in zones if zone.name not in bits]
        screens = [zone.name for zone in unwatched if zone.kind in ("private", "public")]
        bits |= {name: 1 << bit for bit, name in enumerate(screens, len(self._names))}
        self._private, self._public, self._restricted = (
            sum(bits[zone.name] for zone in zones if zone.kind == kind and zone.name in bits)
            for kind in ("private", "public", "restricted")
        )
        kind = np.int64 if max(bits.values(), default=0) < 1 << MOST_BITS else object
        self._bits = np.array(list(bits.values()), dtype=kind)
        self._polygons = np.array([polygons[name] for name in bits], dtype=object)
        shapely.prepare(self._polygons)
        self._names_by_place: dict[int, list[str]] = {}

    def locate(self, boxes: np.ndarray) -> list[int]:
        """Return for each box (N, 4) the zones that its anchor lies in, a bit for each.

        Who stands in a private zone is in no other: what happens there is nobody's business. Who
        stands in a public zone is in no restricted one: it is the way through.
        """
        x, y = make_anchors(boxes)
        if not len(self._polygons):
            return [self._everywhere] * len(x)
        # The edge belongs to the zone, as intersects_xy has it: zones reach the frame's edge.
        hits = shapely.intersects_xy(self._polygons[:, None], x, y)
        places = self._bits @ hits.astype(self._bits.dtype) + self._everywhere
        if self._public and self._restricted:
            is_public = (places & self._public).astype(bool)
            places = np.where(is_public, places & ~self._restricted, places)
        if self._private:
            places = np.where((places & self._private).astype(bool), 0, places)
        return (places & self._watched).tolist()

    def inside(self, places: Iterable[int]) -> dict[str, list[int]]:
        """Return for each zone the positions of those who stand in it."""
        inside: dict[str, list[int]] = {name: [] for name in self._names}
        for position, place in enumerate(places):
            if place:
                for name in self._names_by_place.get(place) or self._spell(place):
                    inside[name].append(position)
        return inside

    def _spell(self, place):
        names = [name for bit, name in enumerate(self._names) if place >> bit & 1]
        self._names_by_place[place] = names
        return names
