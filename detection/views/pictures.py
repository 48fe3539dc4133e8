"""What pages draw: a picture and the zones on it, in pixels, as SVG wants them."""

from dataclasses import dataclass

from detection.models import Snapshot
from detection.services import rule_imports, snapshots

PLAIN_SIZE = (1280, 720)


@dataclass(frozen=True)
class ZoneShape:
    name: str
    kind: str
    points: str
    label_x: float
    label_y: float


@dataclass(frozen=True)
class Picture:
    """The newest frame of a camera, or the blank sheet in its shape where there is none."""

    width: int
    height: int
    snapshot: Snapshot | None

    @property
    def font_px(self):
        """Text scales with the picture: about 13 px on a page."""
        return round(self.width / 76, 1)


def picture_of(camera, user):
    """Return what zones of this camera are drawn upon, for whoever looks."""
    snapshot = snapshots.find(user, camera)
    return as_picture(snapshot, None if snapshot else rule_imports.latest_frame_size(camera))


def as_picture(snapshot, frame_size=None):
    """Return the Picture of a snapshot; without one a sheet in the shape of ``frame_size``."""
    known = (snapshot.width, snapshot.height) if snapshot else frame_size
    return Picture(*(known or PLAIN_SIZE), snapshot)


def shapes_of(config, picture):
    """Return the zones of a RulesConfig, which may be None, as polygons of the picture."""
    from detection.rules.config import dump_config

    return zone_shapes(dump_config(config)["zones"] if config else (), picture)


def zone_shapes(zones, picture, *, is_labelled_on_top=False):
    """Return zones as polygons of a picture.

    Args:
        zones: mappings of name, kind and polygon, in shares of the picture.
        picture: anything with a width and a height in pixels.
        is_labelled_on_top: names stand at the highest point, clear of what is inside.
    """
    size = picture.width, picture.height
    return [_shape(zone, size, _highest if is_labelled_on_top else _middle) for zone in zones]


def _shape(zone, size, place_label):
    points = [(x * size[0], y * size[1]) for x, y in zone["polygon"]]
    label_x, label_y = place_label(points)
    return ZoneShape(
        name=zone["name"],
        kind=zone.get("kind", ""),
        points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points),
        label_x=round(label_x, 1),
        label_y=round(label_y, 1),
    )


def _middle(points):
    return tuple(sum(values) / len(points) for values in zip(*points, strict=True))


def _highest(points):
    return min(points, key=lambda point: (point[1], point[0]))
