"""Photos as files: who is shown them, and what is left of an original after its redaction."""

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse

from detection.models import Evidence
from hitlsite import storage
from review.models import TrainingItem
from review.services import decisions, marks, privacy, thumbnails
from tests import photos
from tests.cast import blinded
from tests.reading import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def address(name, photo):
    return reverse(f"review:{name}", args=[photo.pk])


class TestMedia:
    def body(self, response):
        return b"".join(response.streaming_content)

    def test_a_photo_that_is_no_item(self, client, photo, reviewer, supervisor):
        with default_storage.open(photo.path) as stored:
            content = stored.read()
        for user in (reviewer, supervisor):
            client.force_login(user)
            response = client.get(address("photo_file", photo))
            assert self.body(response) == content
            assert response["Cache-Control"] == "private, no-store"
            assert client.get(address("photo_thumb", photo))["Content-Type"] == "image/jpeg"
        client.force_login(blinded(reviewer))
        assert client.get(address("photo_file", photo)).status_code == 404
        assert client.get(address("photo_thumb", photo)).status_code == 404

    def test_a_photo_that_was_found_clear(self, client, photo, reviewer):
        _, item = photos.marked(photo, reviewer)
        photos.looked_at(item, privacy="clear")
        client.force_login(blinded(reviewer))
        response = client.get(address("photo_file", photo))
        assert (response.status_code, response["Cache-Control"]) == (200, "private, no-cache")

    def test_after_a_redaction_only_the_redacted_file_is_there(
        self, client, photo, reviewer, supervisor, django_capture_on_commit_callbacks
    ):
        _, item = photos.marked(photo, reviewer)
        photos.looked_at(item, privacy="faces")
        original = photo.sha256
        client.force_login(reviewer)
        before = self.body(client.get(address("photo_thumb", photo)))
        tag = client.get(address("photo_thumb", photo))["ETag"]
        with django_capture_on_commit_callbacks(execute=True):
            decisions.decide(item.pk, by=reviewer, verdict="confirmed")

        photo.refresh_from_db()
        assert not default_storage.exists(thumbnails.thumbnail_name(photo.camera.site_id, original))
        for user in (reviewer, supervisor):
            client.force_login(user)
            response = client.get(address("photo_file", photo))
            assert self.body(response) == default_storage.open(photo.path).read()
            assert photo.sha256 != original
            small = client.get(address("photo_thumb", photo), headers={"If-None-Match": tag})
            assert small.status_code == 200
            assert self.body(small) != before
        assert f"?v={photo.sha256[:8]}" in text_of(client.get(address("photo", photo)))

    def test_undoing_brings_the_original_back_to_those_who_may_see_it(
        self, client, photo, reviewer, supervisor
    ):
        _, item = photos.marked(photo, reviewer)
        photos.looked_at(item, privacy="faces")
        content = default_storage.open(photo.path).read()
        privacy.apply_redaction(item, by=supervisor)
        privacy.undo_redaction(item, by=supervisor)
        client.force_login(reviewer)
        assert self.body(client.get(address("photo_file", photo))) == content
        client.force_login(blinded(reviewer))
        assert client.get(address("photo_file", photo)).status_code == 404

    def test_a_file_that_is_not_the_verified_one_stays_hidden(self, client, photo, reviewer):
        _, item = photos.marked(photo, reviewer)
        TrainingItem.objects.filter(pk=item.pk).update(privacy="clear")
        client.force_login(reviewer)
        assert client.get(address("photo_file", photo)).status_code == 404

    def test_what_was_rejected_is_for_supervisors(self, client, photo, reviewer, supervisor):
        _, item = photos.marked(photo, reviewer)
        photos.looked_at(item, privacy="faces")
        decisions.decide(item.pk, by=reviewer, verdict="rejected", reason="privacy_risk")
        client.force_login(reviewer)
        assert client.get(address("photo_file", photo)).status_code == 404
        assert "your role may not see it" in text_of(client.get(address("photo", photo)))
        client.force_login(supervisor)
        assert client.get(address("photo_file", photo)).status_code == 200

    def test_a_mark_taken_back_hides_nothing(self, client, photo, reviewer):
        _, item = photos.marked(photo, reviewer)
        photos.looked_at(item, privacy="faces")
        marks.unmark(photo.pk, by=reviewer)
        client.force_login(reviewer)
        assert client.get(address("photo_file", photo)).status_code == 200

    def test_the_evidence_of_a_photo_goes_by_the_same_rules(
        self, client, photo, reviewer, outsider
    ):
        photos.marked(photo, reviewer)
        evidence = reverse("review:evidence", args=[Evidence.objects.get().pk])
        client.force_login(reviewer)
        response = client.get(evidence)
        assert response.status_code == 200
        assert f"photo-{photo.pk}-photo.jpg" in response["Content-Disposition"]
        client.force_login(outsider)
        assert client.get(evidence).status_code == 404

    def test_a_missing_file(self, signed_in, photo):
        storage.delete(photo.path)
        assert signed_in.get(address("photo_file", photo)).status_code == 404
