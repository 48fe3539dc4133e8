"""Photos and marks in the Django admin."""

from itertools import permutations

import pytest
from django.urls import reverse

from review.models import Mark
from tests import photos
from tests.reading import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def address(name, photo):
    return reverse(f"review:{name}", args=[photo.pk])


class TestAdmin:
    @pytest.fixture
    def admin(self, client, reviewer):
        client.force_login(reviewer)
        return client

    def act(self, client, action, *chosen, **values):
        return client.post(
            reverse("admin:detection_photo_changelist"),
            {"action": action, "_selected_action": [one.pk for one in chosen], **values},
            follow=True,
        )

    def test_the_list_has_thumbnails(self, admin, photo, reviewer):
        photos.marked(photo, reviewer)
        shown = text_of(admin.get(reverse("admin:detection_photo_changelist")))
        assert address("photo_thumb", photo) in shown
        assert "missed detection" in shown

    def test_marking_and_taking_back(self, admin, camera):
        chosen = [photos.photo(camera) for _ in range(2)]
        response = self.act(admin, "mark_for_retraining", *chosen, reason="other", note="both")
        done = {f"marked: {first.pk}, {second.pk}" for first, second in permutations(chosen)}
        assert any(sentence in text_of(response).lower() for sentence in done)
        assert set(Mark.objects.values_list("reason", "note")) == {("other", "both")}
        for query, count in (("yes", 2), ("no", 0)):
            shown = admin.get(reverse("admin:detection_photo_changelist"), {"marked": query})
            assert shown.context["cl"].result_count == count
        self.act(admin, "unmark", *chosen)
        assert not Mark.objects.filter(unmarked_at__isnull=True).exists()

    def test_a_reason_is_needed(self, admin, photo):
        response = self.act(admin, "mark_for_retraining", photo)
        assert f"Photo {photo.pk}: reason: Say why" in text_of(response)
        assert not Mark.objects.exists()

    def test_another_site_s_photo_cannot_be_chosen(self, client, photo, outsider):
        client.force_login(outsider)
        self.act(client, "mark_for_retraining", photo, reason="other")
        assert not Mark.objects.exists()
        change = reverse("admin:detection_photo_change", args=[photo.pk])
        assert client.get(change).status_code == 404

    def test_marks_are_read_only(self, admin, photo, reviewer):
        mark, _ = photos.marked(photo, reviewer, note="look left")
        change = reverse("admin:review_mark_change", args=[mark.pk])
        assert "look left" in text_of(admin.get(change))
        assert admin.post(change, {"reason": "other"}).status_code == 403
        assert admin.get(reverse("admin:review_mark_add")).status_code == 403
        assert "look left" in text_of(
            admin.get(reverse("admin:detection_photo_change", args=[photo.pk]))
        )
