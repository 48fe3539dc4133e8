"""Several people at one picture at once: one state wins, and classes get one index each."""

import pytest

from hitlsite import audit
from hitlsite.errors import Conflict
from review import tasks
from review.models import Annotation, LabelClass
from review.services import annotation, label_classes, propagation
from tests import factories
from tests.review.services.test_concurrency import at_once, people

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sql]


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


def test_of_two_who_save_at_once_one_is_told(camera, reviewer, second_reviewer):
    box = {"label": 0, "box_xyxy": [0.40, 0.30, 0.534, 0.90]}
    for _ in range(4):
        item = factories.item(factories.incident(camera))
        row = item.incident.evidence.get(kind="frame_peak")
        outcomes = at_once(
            *(
                lambda by=by, item=item, row=row: annotation.save(
                    item.pk, row.pk, by=by, boxes=[box], version=0
                )
                for by in people(reviewer, second_reviewer)
            )
        )
        [refused] = [one for one in outcomes if isinstance(one, Exception)]
        assert isinstance(refused, Conflict), refused
        assert refused.code == "stale_version"
        assert Annotation.objects.get(evidence=row).version == 1
    assert audit.verify().is_whole


def test_classes_made_at_once_get_an_index_each(site, supervisor):
    outcomes = at_once(
        *(lambda name=name: label_classes.add(site, name, by=supervisor) for name in "wxyz")
    )
    assert sorted(one.index for one in outcomes) == [80, 81, 82, 83]
    assert LabelClass.objects.filter(site=site).count() == 84


def test_a_lost_wake_up_is_made_good(camera, reviewer, eager_tasks, monkeypatch):
    item = factories.item(factories.incident(camera), status="confirmed")
    propagation.ask(item.pk, by=reviewer)
    done = []
    monkeypatch.setattr(propagation, "run_asked", done.append)
    tasks.label_waiting_tracks()
    tasks.label_track_soon(propagation.job_of(item))
    assert done == [item.pk, item.pk]
