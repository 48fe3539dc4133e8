"""The photo library and the photo page: what they show to whom, and what a form does."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from review.models import Mark, TrainingItem
from review.selectors import photos as library
from review.services import decisions, marks
from review.views.photos import panel
from tests import factories, photos
from tests.cast import blinded, person
from tests.reading import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def address(name, photo):
    return reverse(f"review:{name}", args=[photo.pk])


class TestLibrary:
    def test_empty(self, signed_in):
        response = signed_in.get(reverse("review:photos"))
        assert "No photos yet." in text_of(response)

    def test_cards(self, signed_in, reviewer, camera):
        first = photos.photo(
            camera, found=[("person", 0.8, factories.PERSON_BOX)] * 2 + [("dog", 0.4, (0, 0, 1, 1))]
        )
        photos.marked(photos.photo(camera, found=()), reviewer, reason="false_detection")
        shown = text_of(signed_in.get(reverse("review:photos")))
        assert shown.count("data-photo-link") == 2
        assert 'person <span class="num">×2</span>' in shown
        assert "nothing detected" in shown
        assert "false detection" in shown
        assert "1 marked for retraining" in shown
        assert address("photo_thumb", first) in shown

    def test_pages_carry_the_filters(self, signed_in, camera, monkeypatch):
        made = [photos.photo(camera, with_file=False) for _ in range(5)]
        monkeypatch.setattr(
            library.photos_page, "__kwdefaults__", {**library.photos_page.__kwdefaults__, "size": 2}
        )
        seen, query = [], f"?camera={camera.pk}"
        for _ in range(3):
            shown = signed_in.get(reverse("review:photos") + query).content.decode()
            seen += [int(pk) for pk in re.findall(r'href="/photos/(\d+)/\?camera', shown)]
            found = re.search(r'rel="next" href="([^"]*)"', shown)
            query = found.group(1).replace("&amp;", "&") if found else None
            assert query is None or f"camera={camera.pk}" in query
        assert query is None
        assert seen == [one.pk for one in reversed(made)]

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("?marked=yes", 1),
            ("?marked=no", 1),
            ("?class=dog", 1),
            ("?class=cat", 0),
            ("?day=2026-03-02", 2),
            ("?day=2026-03-05", 0),
            ("?day=nonsense&marked=perhaps&camera=0", 2),
            ("?day=0001-01-01", 2),
        ],
    )
    def test_filters(self, signed_in, reviewer, camera, query, count):
        at = {"captured_at": factories.STARTS_AT}
        photos.marked(photos.photo(camera, **at), reviewer)
        photos.photo(camera, found=(("dog", 0.5, (0, 0, 1, 1)),), **at)
        shown = text_of(signed_in.get(reverse("review:photos") + query))
        assert shown.count("data-photo-link") == count
        assert ("No photo matches these filters." in shown) == (count == 0)

    def test_a_class_with_a_nul_and_a_bad_cursor_are_refused_in_words(self, signed_in):
        response = signed_in.get(reverse("review:photos"), {"after": "!!"})
        assert response.status_code == 400
        assert "The cursor is not one that a page gave." in text_of(response)
        assert signed_in.get(reverse("review:photos"), {"class": "a\x00b"}).status_code == 200

    def test_costs_the_same_however_many(self, signed_in, reviewer, camera, site):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        counts = []
        for _ in range(2):
            for _ in range(3):
                photos.marked(photos.photo(camera), reviewer)
            with CaptureQueriesContext(connection) as queries:
                signed_in.get(reverse("review:photos"))
            counts.append(len(queries))
        assert counts[0] == counts[1]

    def test_pictures_only_for_those_who_may_see_them(self, client, reviewer, photo):
        client.force_login(blinded(reviewer))
        shown = text_of(client.get(reverse("review:photos")))
        assert "which you may not see" in shown
        assert "/thumb/" not in shown


class TestPhotoPage:
    def test_everything_that_is_known(self, signed_in, camera):
        made = photos.photo(camera, clock_offset_seconds=-12.5)
        shown = text_of(signed_in.get(address("photo", made)))
        assert f"{address('photo_file', made)}?v={made.sha256[:8]}" in shown
        assert "person 0.83" in shown
        assert "-12.5 s" in shown
        assert "onnxruntime 416, f32" in shown
        assert "What is wrong with the detections?" in shown
        assert shown.count('name="reason"') == 4

    def test_neighbours_in_the_same_filter(self, signed_in, camera, site):
        first, _, third = (photos.photo(camera) for _ in range(3))
        second = photos.photo(
            factories.camera(site), captured_at=first.captured_at + timedelta(seconds=1)
        )
        shown = text_of(signed_in.get(address("photo", second)))
        assert (
            f'rel="next" data-key="j" data-arrow="ArrowRight" href="{address("photo", first)}"'
            in shown
        )
        shown = text_of(signed_in.get(address("photo", third) + f"?camera={camera.pk}"))
        assert 'rel="prev"' not in shown
        assert f"?camera={camera.pk}" in shown

    def test_a_note_with_html_is_shown_as_text(self, signed_in, photo, reviewer):
        marks.mark(photo.pk, by=reviewer, reason="other", note="<script>alert(1)</script>")
        marks.unmark(photo.pk, by=reviewer)
        marks.mark(photo.pk, by=reviewer, reason="other", note="<img src=x onerror=alert(2)>")
        shown = text_of(signed_in.get(address("photo", photo)))
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
        assert "&lt;img src=x onerror=alert(2)&gt;" in shown

    def test_another_site_s_photo_is_not_there(self, client, photo, outsider, reviewer):
        marks.mark(photo.pk, by=reviewer, reason="other")
        client.force_login(outsider)
        for name in ("photo", "photo_file", "photo_thumb"):
            assert client.get(address(name, photo)).status_code == 404
        for name in ("mark", "unmark"):
            assert client.post(address(name, photo), {"reason": "other"}).status_code == 404
        assert "data-photo-link" not in text_of(client.get(reverse("review:photos")))
        assert Mark.objects.get().unmarked_at is None

    def test_strangers_sign_in_first_and_devices_have_no_photos(self, client, photo, device_user):
        response = client.get(address("photo", photo))
        assert response.status_code == 302
        assert reverse("login") in response["Location"]
        client.force_login(device_user)
        assert client.get(address("photo", photo)).status_code == 403

    def test_without_the_right_to_mark(self, client, photo, reviewer):
        group = Group.objects.get(name="reviewer")
        group.permissions.remove(
            *group.permissions.filter(codename__in=["add_mark", "change_mark"])
        )
        client.force_login(type(reviewer).objects.get(pk=reviewer.pk))
        assert "Your role may not mark photos." in text_of(client.get(address("photo", photo)))
        assert client.post(address("mark", photo), {"reason": "other"}).status_code == 403


class TestMarking:
    def test_a_form_without_scripts(self, signed_in, photo):
        response = signed_in.post(
            address("mark", photo), {"reason": "wrong_class", "note": "a dog"}, follow=True
        )
        assert response.redirect_chain == [(address("photo", photo), 303)]
        assert "wrong class" in text_of(response)
        assert "Photo" in text_of(response)
        response = signed_in.post(address("unmark", photo), follow=True)
        assert "no longer marked" in text_of(response)
        assert "Marks taken back" in text_of(response)

    @pytest.mark.parametrize(("card", "name"), [("", "_mark"), ("1", "_photo_mark")])
    def test_htmx_gets_the_piece_that_it_asked_for(self, signed_in, photo, card, name):
        response = signed_in.post(
            address("mark", photo),
            {"reason": "other", "card": card},
            headers={"HX-Request": "true"},
        )
        assert response.status_code == 200
        assert "HX-Push-Url" not in response
        assert f"review/{name}.html" in [one.name for one in response.templates]
        assert 'data-reason="other"' in text_of(response)

    def test_posted_twice(self, signed_in, photo):
        for _ in range(2):
            signed_in.post(address("mark", photo), {"reason": "other"})
        assert Mark.objects.count() == TrainingItem.objects.count() == 1

    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            ({"note": "typed before"}, 422),
            ({"reason": "ugly", "note": "typed before"}, 422),
            ({"reason": "x" * 41, "note": "typed before"}, 422),
            ({"reason": "other", "note": "a\x00b typed before"}, 422),
            ({"reason": "other", "note": "typed before" + "x" * 500}, 422),
        ],
    )
    def test_what_is_refused_keeps_what_was_typed(self, signed_in, photo, sent, status):
        response = signed_in.post(address("mark", photo), sent)
        assert response.status_code == status
        assert 'id="refusal"' in text_of(response)
        assert "typed before" in text_of(response)
        assert not Mark.objects.exists()
        htmx = signed_in.post(address("mark", photo), sent, headers={"HX-Request": "true"})
        assert (htmx.status_code, "refusal" in text_of(htmx)) == (status, True)

    def test_another_s_mark(self, signed_in, photo, second_reviewer):
        marks.mark(photo.pk, by=second_reviewer, reason="other")
        response = signed_in.post(address("mark", photo), {"reason": "wrong_class"})
        assert response.status_code == 409
        assert "Grace Hopper marked" in text_of(response)

    def test_a_form_without_its_token_is_refused(self, photo, reviewer):
        from django.test import Client

        strict = Client(enforce_csrf_checks=True)
        strict.force_login(reviewer)
        assert strict.post(address("mark", photo), {"reason": "other"}).status_code == 403

    def test_signing_in_again_leads_to_the_photo(self, signed_in, photo):
        assert signed_in.get(address("mark", photo))["Location"] == address("photo", photo)


class TestDashboard:
    def test_marked_annotated_waiting_and_by_reason(self, camera, reviewer, outsider):
        from django.utils import timezone

        from review.models import Annotation

        assert panel(reviewer) == {}
        first, second, third, taken_back = (photos.photo(camera) for _ in range(4))
        _, item = photos.marked(first, reviewer)
        photos.marked(second, reviewer)
        photos.marked(third, reviewer, reason="other")
        photos.marked(taken_back, reviewer)
        marks.unmark(taken_back.pk, by=reviewer)
        photos.looked_at(item)
        Annotation.objects.create(
            item=item,
            evidence=first.evidence,
            version=1,
            is_negative=True,
            annotated_by=reviewer,
            annotated_at=timezone.now(),
        )
        decisions.decide(item.pk, by=reviewer, verdict="confirmed")
        figures = panel(reviewer)["mark_figures"]
        assert (figures["marked"], figures["annotated"], figures["waiting"]) == (3, 1, 2)
        by_reason = {row["reason"]: (row["marked"], row["annotated"]) for row in figures["reasons"]}
        assert by_reason == {
            "missed_detection": (2, 1),
            "false_detection": (0, 0),
            "wrong_class": (0, 0),
            "other": (1, 0),
        }
        assert panel(outsider) == {}

    def test_it_stands_on_the_dashboard(self, signed_in, photo, reviewer):
        photos.marked(photo, reviewer)
        shown = text_of(signed_in.get(reverse("review:dashboard")))
        assert "Photos for retraining" in shown

    def test_one_query(self, camera, reviewer, django_assert_num_queries):
        photos.marked(photos.photo(camera), reviewer)
        reviewer.has_perm("review.view_mark")
        with django_assert_num_queries(1):
            panel(reviewer)


def test_a_reviewer_of_two_sites_sees_both(photo, site):
    elsewhere = factories.site()
    other = photos.photo(factories.camera(elsewhere))
    both = person("both", "reviewer", site, elsewhere)
    assert {one.pk for one in library.photos_page(both).photos} == {photo.pk, other.pk}
