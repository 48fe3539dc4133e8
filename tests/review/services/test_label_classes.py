"""Label classes: numbers for ever, names that change, merges that can be taken back."""

import pytest

from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import AuditEntry
from review.labels.names import COCO
from review.models import LabelClass
from review.selectors import annotations as drawn
from review.services import annotation, label_classes
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def classes(site):
    factories.deployment(slot="object-detector", class_names=["person", "bag", "car"])
    return label_classes.ensure(site)


def test_the_first_classes_are_the_detector_s_in_its_order(classes, site):
    assert [(one.index, one.name) for one in classes] == [(0, "person"), (1, "bag"), (2, "car")]
    factories.deployment(slot="object-detector", class_names=["cat"])
    assert label_classes.ensure(site) == classes


@pytest.mark.parametrize("names", [None, [], ["moving"], ["a", "A"], ["a", ""]])
def test_without_a_telling_detector_they_are_coco_s(site, names):
    if names is not None:
        factories.deployment(slot="object-detector", class_names=names)
    assert [one.name for one in label_classes.ensure(site)] == list(COCO)


def test_a_retired_detector_is_not_asked(site):
    served = factories.deployment(slot="object-detector", class_names=["person"])
    served.retired_at = factories.STARTS_AT
    served.save()
    assert len(label_classes.ensure(site)) == 80


def test_a_new_class_takes_the_next_index_and_none_twice(classes, site, supervisor):
    van = label_classes.add(site, " van ", by=supervisor)
    label_classes.merge(van.pk, classes[2].pk, by=supervisor)
    bus = label_classes.add(site, "bus", by=supervisor)
    again = label_classes.add(site, "van", by=supervisor)

    assert (van.name, van.index, bus.index, again.index) == ("van", 3, 4, 5)
    indices = list(LabelClass.objects.values_list("index", flat=True))
    assert len(indices) == len(set(indices)) == 6


@pytest.mark.parametrize("name", ["", "  ", "PERSON", "x" * 61, "a\nb", "a\x00b", "\ud800", 7])
def test_a_name_is_one_line_and_free(classes, site, supervisor, name):
    with pytest.raises(DomainError) as refusal:
        label_classes.add(site, name, by=supervisor)
    assert "name" in refusal.value.fields
    assert LabelClass.objects.count() == 3


def test_a_rename_touches_the_name(classes, supervisor):
    renamed = label_classes.rename(classes[1].pk, "backpack", by=supervisor)
    assert (renamed.index, renamed.name) == (1, "backpack")
    detail = AuditEntry.objects.get(action="labelclass.renamed").detail.content
    assert detail == {"before": "bag", "after": "backpack", "index": 1}
    assert label_classes.rename(classes[1].pk, "Backpack", by=supervisor).name == "Backpack"


def test_a_class_is_still_known_by_what_it_was_called(classes, site, supervisor):
    person = classes[0]
    for name in ("visitor", "guest", "Visitor"):
        label_classes.rename(person.pk, name, by=supervisor)
    named = drawn.indices_by_name(drawn.label_classes(site))
    assert named == {"person": 0, "visitor": 0, "guest": 0, "bag": 1, "car": 2}
    # A class that is called so now comes first.
    other = label_classes.add(site, "person", by=supervisor)
    assert drawn.indices_by_name(drawn.label_classes(site))["person"] == other.index == 3


def test_a_merge_is_a_map_and_is_taken_back(classes, site, supervisor):
    person, bag, car = classes
    label_classes.merge(bag.pk, car.pk, by=supervisor)
    label_classes.merge(car.pk, person.pk, by=supervisor)
    standing = drawn.standing_classes(drawn.label_classes(site))
    assert {index: one.index for index, one in standing.items()} == {0: 0, 1: 0, 2: 0}
    assert drawn.indices_by_name(drawn.label_classes(site)) == {"person": 0, "bag": 0, "car": 0}

    label_classes.split_off(car.pk, by=supervisor)
    standing = drawn.standing_classes(drawn.label_classes(site))
    assert {index: one.index for index, one in standing.items()} == {0: 0, 1: 2, 2: 2}


def test_merges_that_make_no_sense_are_refused(classes, supervisor):
    person, bag, car = classes
    with pytest.raises(Conflict):
        label_classes.merge(bag.pk, bag.pk, by=supervisor)
    label_classes.merge(bag.pk, car.pk, by=supervisor)
    for one, into in ((bag, person), (person, bag), (car, bag)):
        with pytest.raises(Conflict):
            label_classes.merge(one.pk, into.pk, by=supervisor)
    with pytest.raises(Conflict):
        label_classes.split_off(person.pk, by=supervisor)


def test_a_merge_is_not_taken_back_where_the_name_is_taken(classes, site, supervisor):
    _, bag, car = classes
    label_classes.merge(bag.pk, car.pk, by=supervisor)
    label_classes.add(site, "bag", by=supervisor)
    with pytest.raises(DomainError, match="already"):
        label_classes.split_off(bag.pk, by=supervisor)


def test_reviewers_read_and_supervisors_change(classes, site, reviewer):
    acts = (
        lambda: label_classes.add(site, "van", by=reviewer),
        lambda: label_classes.rename(classes[0].pk, "human", by=reviewer),
        lambda: label_classes.merge(classes[0].pk, classes[1].pk, by=reviewer),
        lambda: label_classes.split_off(classes[0].pk, by=reviewer),
    )
    for act in acts:
        with pytest.raises(Forbidden):
            act()


def test_a_foreign_class_is_not_there(classes, supervisor):
    foreign = label_classes.ensure(factories.site("Elsewhere"))
    with pytest.raises(NotFound):
        label_classes.rename(foreign[0].pk, "human", by=supervisor)
    with pytest.raises(NotFound):
        label_classes.merge(classes[0].pk, foreign[0].pk, by=supervisor)


def test_boxes_are_counted_as_they_were_drawn(classes, site, camera, reviewer, data_dir):
    item = factories.item(factories.incident(camera))
    row = item.incident.evidence.get(kind="frame_peak")
    boxes = [
        {"label": 2, "box_xyxy": [0.1, 0.1, 0.3, 0.3]},
        {"label": 2, "box_xyxy": [0.5, 0.1, 0.7, 0.3]},
        {"label": 1, "box_xyxy": [0.1, 0.5, 0.3, 0.7]},
    ]
    for version in (0, 1):
        annotation.save(item.pk, row.pk, by=reviewer, boxes=boxes, version=version)
    assert drawn.box_counts(site) == {2: 2, 1: 1}
