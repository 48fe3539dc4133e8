"""A thing left behind is in an export once, by its name, and is counted as no person."""

import json

import numpy as np
import pytest

from detection.models import Evidence
from detection.services import incidents
from detection.vision.stills import Still
from detection.vision.types import Observation
from tests import factories
from tests.training.conftest import WHOLE, finished, read_export

pytestmark = pytest.mark.django_db
BOX = (0.5, 0.5, 0.75, 0.75)


def seen(track_id, class_name="unknown object", box=BOX):
    return Observation(30.0, track_id, class_name, 0.9, box)


@pytest.mark.parametrize(
    ("class_name", "track_ids", "observations"),
    [
        ("unknown object", [-3], [seen(-3)]),
        ("backpack", [-3, 4], [seen(-3)]),
        ("suitcase", [4, -3], [seen(4, "suitcase"), seen(-3)]),
    ],
    ids=["without a name", "carried there", "detected"],
)
def test_it_is_there_once(
    items, camera, reviewer, site, admin_user, exports_here, class_name, track_ids, observations
):
    incident = factories.incident(
        camera,
        with_files=False,
        category="object_left_unattended",
        class_name=class_name,
        track_ids=track_ids,
    )
    # Covered whole: proving that nobody is in a picture needs a detector.
    item = factories.item(incident, status="confirmed", privacy="redacted")
    other = seen(-1, box=(0.1, 0.1, 0.2, 0.2))
    picture = np.zeros((96, 128, 3), np.uint8)
    still = Still(30.0, (other, *observations), (128, 96), image=picture)
    incidents.store_still(incident, Evidence.Kind.FRAME_PEAK, still)
    row = incident.evidence.get()
    scan = factories.privacy_scan(item, row, result="faces")
    factories.redaction(item, row, scan=scan, method="mask")
    item.redactions.update(state="applied", regions=[WHOLE], path=row.path, sha256=row.sha256)
    factories.decision(item, reviewer)

    run = finished(admin_user, site)

    lines, coco, manifest = read_export(exports_here / run.directory)
    number = [row["item"] for row in manifest["lines"]].index(item.pk)
    answer = json.loads(lines[number]["messages"][2]["content"])
    assert answer["objects"] == [{"class_name": class_name, "box_xyxy": list(BOX)}]
    assert number + 1 not in [row["line"] for row in manifest["provider_warnings"]]
    assert manifest["counts"]["by_class"][class_name] == 1
    names = {one["id"]: one["name"] for one in coco["categories"]}
    told = [names[one["category_id"]] for one in coco["annotations"]]
    assert told.count(class_name) == 1 and len(told) == len(items) + 1
