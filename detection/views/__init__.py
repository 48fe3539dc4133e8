"""The camera pages. Views parse, call one service or selector, and answer."""

from detection.views.cameras import camera, camera_add, camera_edit, cameras
from detection.views.importing import camera_import
from detection.views.replay import replay
from detection.views.snapshots import snapshot
from detection.views.zones import effect, zones

__all__ = [
    "camera",
    "camera_add",
    "camera_edit",
    "camera_import",
    "cameras",
    "effect",
    "replay",
    "snapshot",
    "zones",
]
