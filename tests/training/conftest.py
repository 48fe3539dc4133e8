"""Confirmed items whose pictures are covered whole, so that proving them needs no detector."""

import json

import numpy as np
import pytest

from detection.models import Evidence
from tests import factories
from training.services import exports

WHOLE = {"box_xyxy": [0.0, 0.0, 1.0, 1.0], "source": "drawn", "score": 1.0, "at_seconds": None}
PERSON = (0.25, 0.25, 0.75, 1.0)
LEAST = 3


@pytest.fixture
def exports_here(settings, data_dir):
    """Let three items be enough, keep all files in this test's folder; return that of exports."""
    settings.MIN_CONFIRMED = LEAST
    settings.DETECTOR = "motion"
    settings.MODEL_DIR = data_dir / "models"
    return settings.EXPORT_DIR


@pytest.fixture
def items(exports_here, camera, reviewer):
    """Return one confirmed item more than an export needs."""
    return [confirmed_item(camera, reviewer, number) for number in range(LEAST + 1)]


def black(width, height):
    return factories.jpeg(np.zeros((height, width, 3), np.uint8))


def confirmed_item(camera, reviewer, number, *, content=None, regions=(WHOLE,), boxes=()):
    """Make a confirmed item with one still at peak score, redacted in ``regions``.

    Args:
        number: makes the drawn picture, and so its file, one of its own.
        content: an encoded picture to take instead.
        regions: none makes the item one that was clear from the start.
    """
    incident = factories.incident(camera, with_files=False, seconds=6.0 + number)
    item = factories.item(incident, status="confirmed", privacy="redacted" if regions else "clear")
    still = factories.evidence(
        incident,
        Evidence.Kind.FRAME_PEAK,
        content or black(64 + 2 * number, 48),
        at_seconds=32.0,
        observations=[observation(32.0)],
    )
    result = "faces" if regions else "clear"
    scan = factories.privacy_scan(item, still, result=result, detectors=["yunet"])
    if regions:
        factories.redaction(item, still, scan=scan, method="mask")
        item.redactions.update(
            state="applied", regions=list(regions), path=still.path, sha256=still.sha256
        )
    factories.decision(item, reviewer, boxes=list(boxes))
    return item


def observation(at_seconds, *, box=PERSON, class_name="person"):
    return {
        "at_seconds": at_seconds,
        "track_id": 7,
        "class_name": class_name,
        "score": 0.8,
        "box_xyxy": list(box),
    }


def read_export(folder):
    """Return (lines, coco, manifest) of a folder with one export."""
    (jsonl,) = folder.glob("training_dataset_*.jsonl")
    (annotations,) = folder.glob("coco_annotations_*.json")
    (manifest,) = folder.glob("manifest_*.json")
    lines = [json.loads(text) for text in jsonl.read_text().splitlines()]
    return lines, json.loads(annotations.read_text()), json.loads(manifest.read_text())


def finished(admin_user, site, **wanted):
    """Ask for an export and have it written."""
    run = exports.run(exports.start(by=admin_user, site=site, **wanted).pk)
    assert (run.state, run.error_message) == ("done", "")
    return run
