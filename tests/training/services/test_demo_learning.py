"""The parts of the demo that learns: pictures that come in once, figures that count."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from detection.models import Photo
from detection.services import serving
from detection.slots import OBJECT_DETECTOR
from detection.vision.types import Observation, TrackedFrame
from review.models import PrivacyScan, Redaction
from review.services import decisions
from tests import factories
from training.models import Promotion
from training.services import demo_comparison, demo_learning
from training.services.annotated_pictures import gather

PLACES = 2


def test_pictures_come_in_once_boxed_hidden_and_confirmed(site, reviewer, supervisor, data_dir):
    told, count = [], PLACES * demo_learning.MOMENTS
    taken = demo_learning.take_pictures(
        site, by=reviewer, places=PLACES, progress=lambda *step: told.append(step)
    )

    assert (taken.new, taken.known) == (count, 0)
    assert told[-1] == (count, count)
    assert taken.empty == 1
    items = list(site.items.all())
    assert {item.status for item in items} == {"confirmed"}
    assert all(item.is_private for item in items)
    assert {item.decisions.get().reviewer for item in items} == {reviewer}
    found = PrivacyScan.objects.filter(result="faces")
    assert sum(len(scan.regions) for scan in found) == taken.people
    assert {row.state for row in Redaction.objects.all()} == {"applied"}
    assert Photo.objects.values("camera").distinct().count() == PLACES

    # Every place is a group that may judge.
    gathered = gather({}, [site], SimpleNamespace(progress=lambda *told: None))
    assert [row["name"] for row in gathered.taxonomy] == ["person"]
    assert len({one.group for one in gathered.candidates}) == PLACES
    assert not any(one.is_marked or one.origin == "synthetic" for one in gathered.candidates)
    assert sum(not one.label["boxes"] for one in gathered.candidates) == taken.empty

    # A second time adds nothing, and makes up for what a crash left unconfirmed.
    decisions.reopen(items[0].pk, by=supervisor, note="a crash came between")
    again = demo_learning.take_pictures(site, by=reviewer, places=PLACES)
    assert (again.new, again.known) == (0, count)
    assert {item.status for item in site.items.all()} == {"confirmed"}
    assert site.items.count() == count


@pytest.mark.parametrize("outcome", ["keep", "not_enough_data"])
def test_what_the_gate_does_not_promote_is_not_deployed(db, admin_user, outcome):
    version = SimpleNamespace(uuid=None)
    decision = SimpleNamespace(outcome=outcome, version=version, version_id=None)
    assert demo_learning.deploy(decision, by=admin_user) == (None, False)
    assert serving.champion(OBJECT_DETECTOR) is None
    assert not Promotion.objects.exists()


@pytest.fixture
def film(tmp_path, camera, data_dir):
    """Return (footage with a track log of three frames, path of who is in them)."""
    from detection.services import tracklogs

    box = (0.2, 0.2, 0.4, 0.8)
    rows = tracklogs.TrackRows(sampling_fps=5.0, frame_size=(768, 432))
    for at_seconds, boxes in ((0.0, [box]), (0.2, [(0.6, 0.2, 0.8, 0.8), box]), (0.4, [])):
        seen = [
            Observation(at_seconds, n + 1, "moving", 0.5 + n / 9, b) for n, b in enumerate(boxes)
        ]
        rows.add(TrackedFrame(at_seconds=at_seconds, observations=tuple(seen)))
    footage = factories.footage(camera)
    footage.deployment = factories.deployment(name="motion")
    segment = factories.segment(footage)
    log = tracklogs.store(
        segment, rows, deployment=footage.deployment, source="detector", last_seconds=0.4
    )
    log.save()
    truth = SimpleNamespace(
        fps=10, visits=[SimpleNamespace(boxes_xyxy={0: box, 2: box, 4: box, 6: box})]
    )
    path = tmp_path / "truth.json"
    demo_comparison.keep_truth(truth, path)
    return footage, path


def test_a_watch_is_held_against_the_truth(film):
    told = demo_comparison.watched(*film)
    assert (told.in_view, told.found, told.boxes) == (3, 2, 3)
    assert told.recall == pytest.approx(2 / 3)
    assert told.precision == pytest.approx(2 / 3)
    assert (told.detector, told.called, told.incidents) == ("motion", ("moving",), 0)


def test_a_watch_that_saw_nothing_has_figures_too():
    empty = demo_comparison.Watched("motion", 0, (), 0, 0, 0)
    assert (empty.recall, empty.precision) == (0.0, 0.0)


def test_the_truth_is_kept_as_it_was(film):
    told = json.loads(film[1].read_text())
    assert told["fps"] == 10
    assert np.allclose(told["visits"][0]["0"], (0.2, 0.2, 0.4, 0.8))
