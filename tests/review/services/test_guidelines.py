"""Guidelines: versions that are only added, examples that show what is meant."""

import pytest

from detection.models import Incident
from hitlsite import audit
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from review.guideline_texts import TEXTS
from review.models import Guideline, TrainingItem
from review.services import decisions, guidelines
from tests import factories

pytestmark = pytest.mark.django_db
CATEGORY = "loitering"


@pytest.fixture
def item(camera):
    return factories.item(factories.incident(camera, with_files=False), status="confirmed")


def test_every_category_has_a_text():
    assert set(TEXTS) == set(Incident.Category.values)
    for text in TEXTS.values():
        assert "Right:" in text and "Borderline:" in text
        assert len(text) <= guidelines.MOST_CHARACTERS


def test_before_anybody_writes(site):
    assert guidelines.current(site, CATEGORY) == guidelines.Current(0, TEXTS[CATEGORY], [])


def test_versions_are_added(site, supervisor):
    for number in (1, 2):
        text = f"Text {number}"
        written = guidelines.write(
            site, CATEGORY, f" {text}\r\n", by=supervisor, version=number - 1
        )
        assert (written.version, written.text) == (number, text)

    assert guidelines.current(site, CATEGORY).text == "Text 2"
    assert [one.version for one in guidelines.versions(site, CATEGORY)] == [2, 1]
    assert guidelines.current(site, "aggression").version == 0
    assert audit.verify().entries == 2


def test_verdicts_carry_the_version(site, camera, supervisor, reviewer):
    first, second = (factories.item(factories.incident(camera, with_files=False)) for _ in range(2))
    before = decisions.decide(first.pk, by=reviewer, verdict="confirmed")
    guidelines.write(site, CATEGORY, "New", by=supervisor)
    after = decisions.decide(second.pk, by=reviewer, verdict="confirmed")
    assert (before.guideline_version, after.guideline_version) == (0, 1)


def test_sites_write_their_own(site, supervisor):
    guidelines.write(site, CATEGORY, "Here", by=supervisor)
    other = factories.site()
    assert guidelines.current(other, CATEGORY).version == 0
    with pytest.raises(NotFound):
        guidelines.write(other, CATEGORY, "There", by=supervisor)


@pytest.mark.parametrize(
    "text", ["", "  \n", TEXTS[CATEGORY], "x" * 5001, "a\x00b", "\ud800"], ids=range(6)
)
def test_texts_that_are_refused(site, supervisor, text):
    with pytest.raises(DomainError) as refusal:
        guidelines.write(site, CATEGORY, text, by=supervisor)
    assert list(refusal.value.fields) == ["text"]
    assert not Guideline.objects.exists()


def test_of_two_who_rewrite_one_is_told(site, supervisor):
    guidelines.write(site, CATEGORY, "One", by=supervisor, version=0)
    with pytest.raises(Conflict) as refusal:
        guidelines.write(site, CATEGORY, "Other", by=supervisor, version=0)
    assert refusal.value.code == "stale_version"


def test_reviewers_read_and_do_not_write(site, reviewer, item):
    with pytest.raises(Forbidden):
        guidelines.write(site, CATEGORY, "Mine", by=reviewer)
    with pytest.raises(Forbidden):
        guidelines.add_example(item.pk, by=reviewer, kind="right")
    with pytest.raises(Forbidden):
        guidelines.remove_example(1, by=reviewer)


def test_there_is_no_such_category(site, supervisor):
    with pytest.raises(NotFound):
        guidelines.current(site, "robbery")
    with pytest.raises(NotFound):
        guidelines.write(site, "robbery", "Text", by=supervisor)


def test_an_example_comes_and_goes(site, item, supervisor):
    added = guidelines.add_example(item.pk, by=supervisor, kind="right", note=" Look left. ")
    assert (added.category, added.note) == (CATEGORY, "Look left.")
    assert guidelines.current(site, CATEGORY).examples == [added]

    changed = guidelines.add_example(item.pk, by=supervisor, kind="borderline")
    assert (changed.pk, changed.kind) == (added.pk, "borderline")

    guidelines.remove_example(added.pk, by=supervisor)
    assert guidelines.current(site, CATEGORY).examples == []
    with pytest.raises(NotFound):
        guidelines.remove_example(added.pk, by=supervisor)
    assert audit.verify().entries == 3


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"status": "pending_review"}, "not_decided"),
        ({"status": "needs_review"}, "not_decided"),
        ({"status": "rejected", "privacy": "faces"}, "not_private"),
    ],
)
def test_what_shows_nothing_is_no_example(camera, supervisor, columns, code):
    item = factories.item(factories.incident(camera, with_files=False), **columns)
    with pytest.raises(Conflict) as refusal:
        guidelines.add_example(item.pk, by=supervisor, kind="wrong")
    assert refusal.value.code == code


def test_an_example_that_is_open_again_is_not_shown(site, item, supervisor):
    guidelines.add_example(item.pk, by=supervisor, kind="right")
    decisions.reopen(item.pk, by=supervisor, note="look again")
    assert guidelines.current(site, CATEGORY).examples == []


@pytest.mark.parametrize(
    ("more", "field"), [({"kind": "good"}, "kind"), ({"kind": "right", "note": "x" * 301}, "note")]
)
def test_examples_that_make_no_sense(item, supervisor, more, field):
    with pytest.raises(DomainError) as refusal:
        guidelines.add_example(item.pk, by=supervisor, **more)
    assert list(refusal.value.fields) == [field]


def test_another_site_s_item_is_no_example(supervisor):
    item = factories.item(factories.incident(with_files=False), status="confirmed")
    with pytest.raises(NotFound):
        guidelines.add_example(item.pk, by=supervisor, kind="right")


def test_there_are_not_too_many(site, camera, supervisor, monkeypatch):
    monkeypatch.setattr(guidelines, "MOST_EXAMPLES", 1)
    first, second = (
        factories.item(factories.incident(camera, with_files=False), status="confirmed")
        for _ in range(2)
    )
    guidelines.add_example(first.pk, by=supervisor, kind="right")
    guidelines.add_example(first.pk, by=supervisor, kind="wrong")
    with pytest.raises(Conflict) as refusal:
        guidelines.add_example(second.pk, by=supervisor, kind="right")
    assert refusal.value.code == "too_many"
    assert TrainingItem.objects.filter(example_of__isnull=False).count() == 1
