"""What no dataset can be frozen from, told by name, and who may not ask."""

import pytest

from detection.slots import OBJECT_DETECTOR
from hitlsite.errors import DomainError, Forbidden, NotFound
from review.models import Mark
from tests import factories
from tests.training import labelled
from training.models import Dataset, DatasetEntry, GroupSplit
from training.services import datasets

pytestmark = pytest.mark.usefixtures("data_dir")


def refused(code, *sites, **options):
    asked = datasets.freeze(slot=OBJECT_DETECTOR, sites=sites, options=options)
    dataset = datasets.freeze_now(asked.pk)
    assert (dataset.state, dataset.error_code) == ("failed", code)
    return dataset.error_message


@pytest.mark.parametrize(
    ("days", "code"), [(0, "nothing_to_freeze"), (1, "one_group"), (2, "no_test_group")]
)
def test_too_few_groups_are_refused(site, camera, reviewer, days, code):
    labelled.days(camera, reviewer, days)

    assert "abel" in refused(code, site)
    assert not GroupSplit.objects.exists() and not DatasetEntry.objects.exists()


def test_pins_may_leave_validation_empty(site, camera, reviewer):
    labelled.days(camera, reviewer, 3)
    for day, split in enumerate(("train", "test", "test")):
        GroupSplit.objects.create(
            slot=OBJECT_DETECTOR,
            group=f"camera-{camera.pk}-2026-03-0{2 + day}",
            split=split,
        )

    assert "for ever" in refused("no_validation_group", site)


def test_only_negatives_are_refused(site, camera, reviewer):
    for day in range(4):
        labelled.picture(camera, reviewer, day=day, boxes=())

    refused("nothing_to_freeze", site)


def test_boxes_outside_their_picture_are_refused(site, camera, reviewer):
    labelled.days(camera, reviewer, 4)
    item = labelled.picture(camera, reviewer)
    item.annotations.update(
        boxes=[{"label": 0, "box_xyxy": [0.5, 0.5, 1.5, 0.9], "origin": "imported"}]
    )

    assert f"item {item.pk}" in refused("box_outside", site)


def test_only_marked_pictures_are_refused(site, camera, reviewer):
    for item in labelled.days(camera, reviewer, 4):
        Mark.objects.create(
            photo=item.photo, reason="other", marked_by=reviewer, marked_at=factories.STARTS_AT
        )

    refused("no_test_group", site)


@pytest.mark.parametrize(
    ("slot", "options", "code"),
    [
        ("no-slot", {}, "slot_unknown"),
        ("pose-anomaly", {}, "slot_not_trainable"),
        (OBJECT_DETECTOR, {"camera_share": 0}, "invalid"),
        (OBJECT_DETECTOR, {"camera_share": "nonsense"}, "invalid"),
        (OBJECT_DETECTOR, {"frames_per_track": 2.5}, "invalid"),
        (OBJECT_DETECTOR, {"synthetic_cameras": [987654]}, "invalid"),
        (OBJECT_DETECTOR, {"colour": "blue"}, "option_unknown"),
    ],
)
def test_nonsense_is_refused(site, slot, options, code):
    with pytest.raises(DomainError) as refusal:
        datasets.freeze(slot=slot, options=options)

    assert refusal.value.code == code
    assert not Dataset.objects.exists()


def test_only_admins_freeze_and_only_what_is_theirs(site, supervisor, admin_user):
    with pytest.raises(Forbidden):
        datasets.freeze(slot=OBJECT_DETECTOR, by=supervisor)
    with pytest.raises(NotFound):
        datasets.freeze(
            slot=OBJECT_DETECTOR, by=admin_user, sites=[site, factories.site("Elsewhere")]
        )
    asked = datasets.freeze(slot=OBJECT_DETECTOR, by=admin_user)
    assert list(asked.sites.all()) == [site]
