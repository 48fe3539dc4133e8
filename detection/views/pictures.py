"""What the zone pages draw: the camera's picture and its zones, in pixels, as SVG wants them."""

from dataclasses import dataclass

from detection.models import Snapshot
from detection.services import snapshots

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
    if snapshot:
        return Picture(snapshot.width, snapshot.height, snapshot)
    seen = camera.footage.filter(width__gt=0, height__gt=0).order_by("-created_at").first()
    width, height = (seen.width, seen.height) if seen else PLAIN_SIZE
    return Picture(width, height, None)


def zone_shapes(zones, picture):
    """Return saved zones, mappings of name, kind and polygon, as polygons of the picture."""
    return [_shape(zone, picture) for zone in zones]


def _shape(zone, picture):
    points = [(x * picture.width, y * picture.height) for x, y in zone["polygon"]]
    return ZoneShape(
        name=zone["name"],
        kind=zone["kind"],
        points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points),
        label_x=round(sum(x for x, _ in points) / len(points), 1),
        label_y=round(sum(y for _, y in points) / len(points), 1),
    )
