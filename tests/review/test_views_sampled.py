"""What an item's page says of a sample, of a photo put aside, and of the frames of a track."""

import re

import pytest
from django.urls import reverse

from detection.models import Evidence
from review.models import TrainingItem
from review.services import marks
from tests import factories, photos

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture
def footage(camera):
    made = factories.footage(camera)
    factories.segment(made)
    return made


def happened(footage, opened_at_seconds=60.0, seconds=60.0, **columns):
    return factories.incident(
        footage=footage,
        segment=footage.segments.get(),
        opened_at_seconds=opened_at_seconds,
        seconds=seconds,
        with_files=False,
        **columns,
    )


def minute(footage):
    drawn = {"origin": "audit_minute", "inclusion_probability": 0.002, "class_name": ""}
    return factories.item(happened(footage, category="unknown", **drawn))


def address(item):
    return reverse("review:item", args=[item.pk])


@pytest.fixture
def shown(client, reviewer):
    """Return the text of an item's page as a reviewer sees it."""
    client.force_login(reviewer)

    def page(item):
        response = client.get(address(item))
        assert response.status_code == 200
        return re.sub(r"\s+", " ", response.content.decode())

    return page


class TestMinutes:
    def test_it_lists_what_was_reported_in_it(self, footage, shown):
        before = factories.item(happened(footage, 20.0, 30.0, category="aggression"))
        within = factories.item(happened(footage, 70.0, 5.0))
        happened(footage, 100.0, 40.0, category="rapid_movement")
        page = shown(minute(footage))
        listed = page.partition("Reported already in this minute")[2].partition("</section>")[0]
        assert f'<a href="{address(within)}">Loitering</a>' in listed
        assert "1:10.0 – 1:15.0" in listed
        assert "Rapid movement <span" in listed and "not an item yet" in listed
        assert listed.count("<li>") == 2 and address(before) not in listed

    def test_nothing_reported_is_said(self, footage, shown):
        page = shown(minute(footage))
        assert "Reported already in this minute</h3> <p>Nothing.</p>" in page

    def test_it_says_what_the_verdicts_mean_above_them(self, footage, shown):
        page = shown(minute(footage))
        meaning = page.index("where something began that nobody reported, and choose its category")
        assert meaning < page.index("where nothing was missed") < page.index('value="confirmed"')
        assert "<h1>Random minute</h1>" in page

    def test_its_category_has_to_be_chosen(self, footage, shown):
        page = shown(minute(footage))
        field = page[page.index("<select name=") : page.index("</select>")]
        assert field.startswith('<select name="category" data-category-needed><option value="">')
        assert "unknown" not in field and "selected" not in field
        assert re.search(r'value="rejected:wrong_class"[^>]* disabled', page)

    def test_without_one_it_is_refused_with_one_it_is_not(self, footage, client, reviewer):
        item = minute(footage)
        client.force_login(reviewer)
        decide = reverse("review:decide", args=[item.pk])
        answer = client.post(decide, {"verdict": "confirmed", "category": ""})
        assert answer.status_code == 422
        assert b"Say what it was that nobody reported." in answer.content
        client.post(decide, {"verdict": "confirmed", "category": "loitering"})
        item.refresh_from_db()
        assert (item.status, item.category) == ("confirmed", "loitering")

    def test_once_decided_the_list_stays_and_the_advice_goes(self, footage, shown):
        item = minute(footage)
        TrainingItem.objects.filter(pk=item.pk).update(status="confirmed", category="loitering")
        page = shown(item)
        assert "Reported already in this minute" in page
        assert "where nothing was missed" not in page
        assert "<h1>Random minute: loitering</h1>" in page


def test_a_near_miss_says_what_it_nearly_was(footage, shown):
    why = "nearly: 20 of 30 s (person loitering in entrance for 20 s)"
    incident = happened(footage, origin="near_miss", inclusion_probability=0.5, why=why)
    page = shown(factories.item(incident))
    assert "Nearly reported as loitering" in page
    assert "Nearly: 20 of 30 s" in page and "where it should have been reported" in page
    assert "<h1>Near miss: loitering</h1>" in page
    assert "Reported already" not in page


def test_an_ordinary_incident_says_nothing_of_samples(footage, shown):
    page = shown(factories.item(happened(footage)))
    assert "Reported already" not in page and "Nearly" not in page
    assert "Category, if it is another" in page and "<h1>Loitering</h1>" in page


class TestPutAside:
    SENTENCE = "Its photo is no longer marked; marking it again brings it back."

    def test_it_says_so_instead_of_a_verdict(self, camera, reviewer, supervisor, client, shown):
        photo = photos.photo(camera)
        _, item = photos.marked(photo, reviewer)
        assert self.SENTENCE not in shown(item)
        marks.unmark(photo.pk, by=reviewer)
        page = shown(item)
        assert self.SENTENCE in page and "No longer marked" in page
        assert reverse("review:photo", args=[photo.pk]) in page
        assert ">put aside<" in page and ">rejected<" not in page
        assert "<strong>Rejected</strong>" not in page
        client.force_login(supervisor)
        assert b"Why open it again" not in client.get(address(item)).content

    def test_what_a_person_rejected_is_rejected(self, camera, reviewer, shown):
        photo = photos.photo(camera)
        _, item = photos.marked(photo, reviewer)
        TrainingItem.objects.filter(pk=item.pk).update(
            status="rejected", decided_at=factories.STARTS_AT
        )
        assert self.SENTENCE not in shown(item)


class TestFramesOfTheTrack:
    @pytest.fixture
    def item(self, camera):
        """An item redacted by hand, with three frames cut from its redacted clip."""
        item = factories.item(factories.incident(camera), status="confirmed", privacy="redacted")
        item.redactions.update(applied_at=factories.STARTS_AT)
        for position in (1, 2, 3):
            row = self.frame(item, position)
            scan = factories.privacy_scan(item, row, result="faces")
            factories.redaction(item, row, scan=scan, state="applied")
        return item

    @staticmethod
    def frame(item, position):
        content = factories.jpeg(factories.picture(30.0 + position))
        kind = Evidence.Kind.TRACK_FRAME
        return factories.evidence(item.incident, kind, content, at_seconds=31.0, position=position)

    def test_the_history_tells_them_from_the_item_s_own_files(self, item, client, reviewer):
        client.force_login(reviewer)
        timeline = client.get(address(item)).context["timeline"]
        told = {entry.what: entry.more for entry in timeline}
        assert told["Frames of the track looked through"] == "3 frames of the track"
        assert set(told["Scanned: faces or heads"].split(", ")) == {
            "at opening",
            "at peak score",
            "last frame",
            "clip",
        }
        assert "frame of the track" not in told["Blur applied"]
        assert len([entry for entry in timeline if "applied" in entry.what]) == 1

    def test_one_redacted_anew_is_told(self, item, client, reviewer):
        frames = item.redactions.filter(evidence__kind="track_frame")
        frames.filter(evidence__position=2).update(applied_at=factories.STARTS_AT)
        client.force_login(reviewer)
        timeline = client.get(address(item)).context["timeline"]
        [told] = [entry.more for entry in timeline if entry.what == "Blur applied"]
        assert "clip" in told and told.endswith(", frame of the track")
