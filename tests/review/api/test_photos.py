"""The photo API: library, marks, the list of marked photos, and what is refused."""

from datetime import timedelta

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from detection.models import Photo
from hitlsite import storage
from review.models import Mark, TrainingItem
from review.services import marks
from tests import factories, photos

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def client_of(user):
    client = APIClient()
    client.default_format = "json"
    client.force_authenticate(user)
    return client


@pytest.fixture
def api(reviewer):
    return client_of(reviewer)


def mark_address(photo):
    return reverse("api_photo_mark", args=[photo.pk])


def listed(client, **query):
    response = client.get(reverse("api_photos"), query)
    assert response.status_code == 200, response.json()
    return [one["id"] for one in response.json()["results"]]


class TestMarking:
    def test_marking_answers_the_photo(self, api, photo, reviewer):
        response = api.post(mark_address(photo), {"reason": "wrong_class", "note": "a dog"})
        told = response.json()
        assert response.status_code == 200
        assert told["marked_for_retraining"] is True
        assert told["marked_at"] == told["mark"]["marked_at"] is not None
        assert (told["mark"]["reason"], told["mark"]["note"]) == ("wrong_class", "a dog")
        assert told["mark"]["marked_by"] == "Ada Byron"
        assert told["item"] == TrainingItem.objects.get().pk
        assert [one["class_name"] for one in told["detections"]] == ["person"]
        assert "onnxruntime" in told["detections"][0]["deployment"]

    def test_the_address_without_its_slash(self, api, photo):
        address = f"/api/v1/photos/{photo.pk}/mark-for-retraining"
        assert api.post(address, {"reason": "other"}).json()["marked_for_retraining"] is True
        assert api.delete(address).json()["marked_for_retraining"] is False

    def test_posted_twice_is_one_mark(self, api, photo):
        first, second = (api.post(mark_address(photo), {"reason": "other"}) for _ in range(2))
        assert first.json() == second.json()
        assert Mark.objects.count() == TrainingItem.objects.count() == 1

    def test_another_reason_than_somebody_else_s(self, api, photo, second_reviewer):
        marks.mark(photo.pk, by=second_reviewer, reason="other")
        response = api.post(mark_address(photo), {"reason": "wrong_class"})
        assert (response.status_code, response.json()["error"]["code"]) == (409, "already_marked")
        assert "Grace Hopper" in response.json()["error"]["message"]

    def test_unmarking_answers_the_photo_and_is_fine_twice(self, api, photo):
        api.post(mark_address(photo), {"reason": "other"})
        for _ in range(2):
            told = api.delete(mark_address(photo)).json()
            assert (told["marked_for_retraining"], told["marked_at"], told["mark"]) == (
                False,
                None,
                None,
            )
        assert Mark.objects.get().unmarked_at is not None

    @pytest.mark.parametrize(
        ("sent", "field"),
        [
            ({}, "reason"),
            ({"reason": ""}, "reason"),
            ({"reason": "ugly"}, "reason"),
            ({"reason": 7}, "reason"),
            ({"reason": ["other"]}, "reason"),
            ({"reason": "other", "note": "a\x00b"}, "note"),
            ({"reason": "other", "note": "x" * 501}, "note"),
            ({"reason": "other", "note": {"a": 1}}, "note"),
            ({"reason": "other", "marked_by": 1}, "marked_by"),
        ],
    )
    def test_what_is_refused_names_its_field(self, api, photo, sent, field):
        response = api.post(mark_address(photo), sent, format="json")
        assert response.status_code == 422
        assert list(response.json()["error"]["fields"]) == [field]
        assert not Mark.objects.exists()

    def test_a_note_with_html_comes_back_as_it_was_given(self, api, photo):
        note = "<script>alert(1)</script> & more"
        told = api.post(mark_address(photo), {"reason": "other", "note": note}).json()
        assert told["mark"]["note"] == note


class TestBorders:
    def test_another_site_s_photo_is_nowhere(self, photo, outsider, reviewer):
        marks.mark(photo.pk, by=reviewer, reason="other")
        foreign = client_of(outsider)
        for method, address in (
            ("get", reverse("api_photo", args=[photo.pk])),
            ("post", mark_address(photo)),
            ("delete", mark_address(photo)),
        ):
            response = getattr(foreign, method)(address, {"reason": "other"})
            assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
        assert listed(foreign) == []
        assert foreign.get(reverse("api_marked_count")).json() == {"count": 0}
        assert foreign.get(reverse("api_marked_photos")).json()["results"] == []
        camera = foreign.get(reverse("api_photos"), {"camera": photo.camera_id})
        assert (camera.status_code, list(camera.json()["error"]["fields"])) == (422, ["camera"])

    def test_strangers_and_devices(self, photo, device_user):
        assert APIClient().get(reverse("api_photos")).status_code in (401, 403)
        assert listed(client_of(device_user)) == []
        assert (
            client_of(device_user).post(mark_address(photo), {"reason": "other"}).status_code == 404
        )

    def test_no_such_photo(self, api):
        assert api.get(reverse("api_photo", args=[2**62])).status_code == 404
        assert api.get("/api/v1/photos/99999999999999999999/").status_code == 404

    def test_the_picture_is_offered_to_those_who_may_see_it(self, photo, reviewer, supervisor):
        from django.contrib.auth.models import Group

        group = Group.objects.get(name="reviewer")
        group.permissions.remove(*group.permissions.filter(codename="view_unredacted"))
        reviewer = type(reviewer).objects.get(pk=reviewer.pk)
        address = reverse("api_photo", args=[photo.pk])
        assert client_of(reviewer).get(address).json()["url"] is None
        assert client_of(supervisor).get(address).json()["url"] == reverse(
            "review:photo_file", args=[photo.pk]
        )


class TestLibrary:
    @pytest.fixture
    def five(self, camera, site):
        """Five photos of two cameras, the first taken last; two at the same moment."""
        other = factories.camera(site, "Yard")
        return [
            photos.photo(
                other if number == 2 else camera,
                captured_at=factories.STARTS_AT - timedelta(hours=number if number < 4 else 3),
                found=(("bicycle" if number == 1 else "person", 0.5, factories.PERSON_BOX),),
                with_file=False,
            )
            for number in range(5)
        ]

    def test_newest_capture_first_page_by_page(self, api, five):
        wanted = [five[number].pk for number in (0, 1, 2, 4, 3)]
        assert listed(api) == wanted
        for limit in (1, 2, 3, 5):
            seen, cursor = [], None
            while True:
                query = {"limit": limit, **({"cursor": cursor} if cursor else {})}
                page = api.get(reverse("api_photos"), query).json()
                seen += [one["id"] for one in page["results"]]
                cursor = page["next_cursor"]
                if not cursor:
                    break
            assert seen == wanted

    def test_filters(self, api, five, reviewer, camera):
        marks_of = photos.photo(camera, captured_at=factories.STARTS_AT + timedelta(days=9))
        photos.marked(marks_of, reviewer)
        ids = [one.pk for one in five]
        assert listed(api, marked="yes") == [marks_of.pk]
        assert set(listed(api, marked="no")) == set(ids)
        assert listed(api, camera=five[2].camera_id) == [ids[2]]
        assert listed(api, **{"class": "bicycle"}) == [ids[1]]
        assert listed(api, **{"class": "no such"}) == []
        assert listed(api, since="2026-03-02T08:00Z", until="2026-03-02T09:00Z") == ids[:2]
        assert listed(api, since="2026-03-11", until="2026-03-11") == [marks_of.pk]

    def test_a_day_is_the_site_s(self, api, site, five):
        site.time_zone = "Pacific/Auckland"
        site.save()
        # 09:00 UTC on 2 March is 22:00 there; nothing of these was taken on the third.
        assert len(listed(api, since="2026-03-02", until="2026-03-02")) == 5
        late = photos.photo(
            five[0].camera, captured_at=factories.STARTS_AT + timedelta(hours=3), with_file=False
        )
        assert listed(api, since="2026-03-03", until="2026-03-03") == [late.pk]

    @pytest.mark.parametrize(
        ("query", "status", "code"),
        [
            ({"marked": "maybe"}, 422, "filter_invalid"),
            ({"class": "a\x00"}, 422, "filter_invalid"),
            ({"class": "x" * 61}, 422, "filter_invalid"),
            ({"camera": "1 or 1"}, 422, "filter_invalid"),
            ({"since": "yesterday"}, 422, "filter_invalid"),
            ({"limit": "0"}, 422, "size_invalid"),
            ({"limit": "201"}, 422, "size_invalid"),
            ({"limit": "٣"}, 422, "size_invalid"),
            ({"cursor": "!!"}, 400, "cursor_invalid"),
            ({"cursor": "WzFd"}, 400, "cursor_invalid"),
            ({"cursor": "WyIyMDI2LTAzLTAyIiwxXQ"}, 400, "cursor_invalid"),
        ],
    )
    def test_what_is_asked_wrongly(self, api, query, status, code):
        response = api.get(reverse("api_photos"), query)
        assert (response.status_code, response.json()["error"]["code"]) == (status, code)


class TestMarkedList:
    @pytest.fixture
    def five(self, camera, reviewer):
        """Five marked photos in the order of their marks; a sixth is marked no longer."""
        made = [photos.photo(camera) for _ in range(6)]
        for photo in made:
            marks.mark(photo.pk, by=reviewer, reason="other")
        marks.unmark(made[5].pk, by=reviewer)
        return made[:5]

    def test_newest_mark_first_page_by_page(self, api, five, reviewer):
        marks.unmark(five[0].pk, by=reviewer)
        marks.mark(five[0].pk, by=reviewer, reason="other")
        wanted = [five[number].pk for number in (0, 4, 3, 2, 1)]
        for limit in (1, 2, 5, 100):
            seen, cursor = [], ""
            while cursor is not None:
                query = {"limit": limit, "cursor": cursor}
                page = api.get(reverse("api_marked_photos"), query).json()
                seen += [one["id"] for one in page["results"]]
                cursor = page["next_cursor"]
            assert seen == wanted
        assert api.get(reverse("api_marked_count")).json() == {"count": 5}

    def test_a_mark_that_comes_meanwhile_moves_no_page(self, api, five, camera, reviewer):
        first = api.get(reverse("api_marked_photos"), {"limit": 2}).json()
        marks.mark(photos.photo(camera).pk, by=reviewer, reason="other")
        second = api.get(
            reverse("api_marked_photos"), {"limit": 2, "cursor": first["next_cursor"]}
        ).json()
        assert [one["id"] for one in second["results"]] == [five[2].pk, five[1].pk]

    @pytest.mark.parametrize("cursor", ["!!", "WyJhIl0", "WzEsMl0", "Wy0xXQ", "W251bGxd"])
    def test_a_cursor_that_no_page_gave(self, api, cursor):
        response = api.get(reverse("api_marked_photos"), {"cursor": cursor})
        assert (response.status_code, response.json()["error"]["code"]) == (400, "cursor_invalid")

    def test_a_page_costs_the_same_however_long(self, api, five, django_assert_max_num_queries):
        asked = []
        for limit in (2, 100):
            with django_assert_max_num_queries(10) as queries:
                api.get(reverse("api_marked_photos"), {"limit": limit})
            asked.append(len(queries))
        assert asked[0] == asked[1]


def test_marking_copies_no_file(api, photo, data_dir):
    before = sorted(path for path in data_dir.rglob("*") if path.is_file())
    api.post(mark_address(photo), {"reason": "other"})
    assert sorted(path for path in data_dir.rglob("*") if path.is_file()) == before
    assert Photo.objects.get().path == photo.path
    assert storage.size_of(photo.path) == Photo.objects.get().evidence.byte_count
