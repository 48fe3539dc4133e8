"""A class is split: nothing is guessed, and its pictures go back to people."""

import pytest

from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from review.models import Annotation, LabelClass
from review.selectors import annotations as drawn
from review.services import label_classes, label_splits
from tests import factories
from tests.training import labelled

pytestmark = pytest.mark.usefixtures("data_dir")
BOX = (0.1, 0.1, 0.4, 0.4)


@pytest.fixture
def vehicle(site):
    return labelled.classes(site, "person", "vehicle")["vehicle"]


def saved(item):
    return Annotation.objects.get(item=item, is_current=True)


def test_pictures_with_the_class_wait_and_others_say_more(
    site, camera, reviewer, supervisor, vehicle
):
    both = ("person", "vehicle")
    shows = labelled.picture(camera, reviewer, boxes=(("vehicle", BOX),), exhaustive=both)
    without = labelled.picture(camera, reviewer, boxes=(("person", BOX),), exhaustive=both)
    empty = labelled.picture(camera, reviewer, boxes=(), exhaustive=both)
    unlisted = labelled.picture(camera, reviewer, exhaustive=("person",))

    done = label_splits.split(vehicle.pk, ["car", " van "], by=supervisor)

    assert [(one.name, one.index) for one in done.made] == [("car", 2), ("van", 3)]
    assert done.pictures == 1
    assert saved(shows).exhaustive == [0] and saved(shows).boxes[0]["label"] == vehicle.index
    assert saved(without).exhaustive == saved(empty).exhaustive == [0, 2, 3]
    assert saved(empty).is_negative
    assert saved(unlisted).version == 1
    assert drawn.to_relabel(site) == [shows.pk]
    assert drawn.batch(supervisor, drawn.SPLIT, {}) == [shows.pk]


def test_what_is_drawn_anew_waits_no_longer(site, camera, reviewer, supervisor, vehicle):
    item = labelled.picture(camera, reviewer, boxes=(("vehicle", BOX),), exhaustive=("vehicle",))
    label_splits.split(vehicle.pk, ["car", "van"], by=supervisor)

    boxes = (("car", BOX),)
    labelled.annotate(item, item.photo.evidence, reviewer, boxes=boxes, exhaustive=("car", "van"))

    assert drawn.to_relabel(site) == []


def test_boxes_that_were_merged_into_it_wait_too(site, camera, reviewer, supervisor, vehicle):
    item = labelled.picture(camera, reviewer, boxes=(("lorry", BOX),), exhaustive=("lorry",))
    label_classes.merge(labelled.classes(site)["lorry"].pk, vehicle.pk, by=supervisor)

    assert label_splits.split(vehicle.pk, ["car", "van"], by=supervisor).pictures == 1
    assert saved(item).exhaustive == []
    assert drawn.to_relabel(site) == [item.pk]


@pytest.mark.parametrize("names", [[], ["car"], ["car", "CAR"], ["car", "vehicle"], ["car", " "]])
def test_a_split_needs_two_other_names(vehicle, supervisor, names):
    with pytest.raises(DomainError) as refusal:
        label_splits.split(vehicle.pk, names, by=supervisor)

    assert refusal.value.code == "invalid" and LabelClass.objects.count() == 2


def test_a_class_is_split_once_and_never_while_merged(site, supervisor, vehicle):
    label_splits.split(vehicle.pk, ["car", "person"], by=supervisor)
    with pytest.raises(Conflict):
        label_splits.split(vehicle.pk, ["bus", "van"], by=supervisor)
    named = labelled.classes(site)
    label_classes.merge(named["car"].pk, named["person"].pk, by=supervisor)
    with pytest.raises(Conflict):
        label_splits.split(named["car"].pk, ["bus", "van"], by=supervisor)


def test_who_may_not_splits_nothing(vehicle, reviewer, supervisor):
    with pytest.raises(Forbidden):
        label_splits.split(vehicle.pk, ["car", "van"], by=reviewer)
    foreign = labelled.classes(factories.site("Elsewhere"), "vehicle")["vehicle"]
    with pytest.raises(NotFound):
        label_splits.split(foreign.pk, ["car", "van"], by=supervisor)


def test_the_page_splits_and_leads_to_the_pictures(
    client, site, camera, reviewer, supervisor, vehicle
):
    item = labelled.picture(camera, reviewer, boxes=(("vehicle", BOX),), exhaustive=("vehicle",))
    client.force_login(supervisor)
    asked = {"act": "split", "pk": vehicle.pk, "name": "car, van"}

    page = client.post("/label-classes/", asked, follow=True).content.decode()

    assert "to be labelled anew: 1 picture." in page
    assert f"/items/{item.pk}/boxes/?list=split" in page
    assert client.get(f"/items/{item.pk}/boxes/?list=split").status_code == 200
    refused = client.post("/label-classes/", {**asked, "name": "bus"})
    assert refused.status_code in (409, 422)
