"""Labels that come with a video: read at once, saved when its frames are known."""

import pytest

from hitlsite.errors import DomainError
from tests.training import walking
from training.models import FeatureSet, LabelSet, SpanAnnotation
from training.services import features

pytestmark = pytest.mark.usefixtures("data_dir")
YOLO = {"detector": "yolo", "trigger": "command"}


@pytest.fixture(autouse=True)
def _measuring(monkeypatch):
    walking.measuring(monkeypatch)


@pytest.fixture
def footage(site, tmp_path):
    return features.register_video(walking.video(tmp_path), camera_name="Table")


@pytest.fixture
def done(footage):
    (row,) = features.ask(footage_ids=[footage.pk], **YOLO)
    return features.extract_now(row.pk)


def test_labels_wait_for_the_frames(footage, admin_user):
    text = "start,end,label\n0.0,1.0,idle\n1.0,2.5,work\n"
    (row,) = features.ask(
        footage_ids=[footage.pk], by=admin_user, labels=text, label_set="Table", **YOLO
    )
    assert not SpanAnnotation.objects.exists()
    assert LabelSet.objects.get().label_names == ["idle", "work"]

    row = features.extract_now(row.pk)

    annotation = SpanAnnotation.objects.get()
    assert annotation.spans == [[0.0, 1.0, "idle"], [1.0, 2.5, "work"]]
    assert annotation.annotated_by == admin_user
    assert row.figures["labels_saved"][0]["spans"] == 2


def test_labels_of_frames_that_were_not_sampled(footage, admin_user):
    text = "frame_index,label\n" + "".join(f"{n},work\n" for n in range(5, 15))
    (row,) = features.ask(
        footage_ids=[footage.pk],
        by=admin_user,
        labels=text,
        label_set="Table",
        **YOLO,
        sample_rate=4,
    )
    features.extract_now(row.pk)

    (span,) = SpanAnnotation.objects.get().spans
    assert span == [pytest.approx(0.5), pytest.approx(1.5), "work"]


def test_labels_of_frames_that_do_not_exist_leave_the_features(footage, admin_user):
    text = "frame_index,label\n3,work\n30,work\n31,work\n"
    (row,) = features.ask(
        footage_ids=[footage.pk], by=admin_user, labels=text, label_set="Table", **YOLO
    )

    row = features.extract_now(row.pk)

    assert row.state == "done" and not SpanAnnotation.objects.exists()
    assert "30" in row.figures["labels_saved"][0]["error"]


def test_labels_for_what_is_done_are_saved_at_once(done, footage, admin_user):
    text = "frame_index,label\n0,idle\n1,idle\n"
    (row,) = features.ask(
        footage_ids=[footage.pk], by=admin_user, labels=text, label_set="Table", **YOLO
    )

    assert row.pk == done.pk and SpanAnnotation.objects.get().spans[0][2] == "idle"


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        ("nonsense", "labels_unreadable"),
        ("start,end,label\n0,1,other\n", "labels_unknown"),
        ("start,end,label\n0,100,work\n", "spans_invalid"),
    ],
)
def test_labels_that_cannot_be_read_are_refused_before_anything(
    footage, admin_user, site, labels, code
):
    LabelSet.objects.create(site=site, name="Table", labels=[{"name": "work", "key": "1"}])

    with pytest.raises(DomainError) as refused:
        features.ask(footage_ids=[footage.pk], by=admin_user, labels=labels, **YOLO)

    assert refused.value.code == code and not FeatureSet.objects.exists()
