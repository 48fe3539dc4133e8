"""Uploads that are refused: by what they are, by what is said of them, and by who sends them."""

import io

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from detection.models import Photo
from detection.services import devices, uploads
from hitlsite import storage
from hitlsite.errors import DomainError
from tests import factories
from tests.detection.uploading import (
    HEIC,
    SVG,
    Phone,
    assert_nothing_is_left,
    bomb,
    code_of,
    photo,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "kind", "status", "code"),
        [
            (b"just words", "photo", 415, "media_type_unsupported"),
            (SVG, "photo", 415, "media_type_unsupported"),
            (HEIC, "photo", 415, "media_type_unsupported"),
            (b"%PDF-1.7" + bytes(99), "video", 415, "media_type_unsupported"),
            (photo(), "video", 415, "media_type_unsupported"),
            (b"\xff\xd8\xff\xe0<html><script>alert(1)</script>", "photo", 422, "media_unreadable"),
            (b"\x00\x00\x00\x18ftypisom" + bytes(400), "video", 422, "media_unreadable"),
            (photo()[:-300], "photo", 422, "media_unreadable"),
            (bomb(), "photo", 413, "media_too_large"),
        ],
        ids=["words", "svg", "heic", "pdf", "photo as video", "html", "no film", "half", "bomb"],
    )
    def test_by_content(self, phone, content, kind, status, code):
        response = phone.send(content, kind, name="holiday.jpg")
        assert code_of(response) == (status, code)
        assert "holiday.jpg" in response.json()["error"]["message"]
        assert_nothing_is_left()

    def test_heic_says_what_to_do(self, phone):
        assert "most compatible" in phone.send(HEIC).json()["error"]["message"]

    def test_a_film_for_a_photo(self, phone, visit):
        assert code_of(phone.send(visit, "photo")) == (415, "media_type_unsupported")

    def test_a_film_without_its_index(self, phone, visit):
        at = (
            visit.rindex(b"moov")
            if visit.index(b"mdat") < visit.rindex(b"moov")
            else len(visit) // 2
        )
        assert code_of(phone.send(visit[: at - 4], "video")) == (422, "media_unreadable")
        assert_nothing_is_left()

    def test_a_film_that_is_too_long(self, phone, visit, settings):
        settings.UPLOAD_MAX_VIDEO_SECONDS = 5
        assert code_of(phone.send(visit, "video")) == (413, "media_too_large")
        assert_nothing_is_left()

    def test_too_many_pixels(self, phone, settings):
        settings.UPLOAD_MAX_PHOTO_PIXELS = 500
        assert code_of(phone.send(photo())) == (413, "media_too_large")

    @pytest.mark.parametrize("kind", ["photo", "video"])
    def test_too_many_bytes(self, phone, visit, settings, kind):
        content = {"photo": photo(size=(900, 700)), "video": visit}[kind]
        settings.UPLOAD_MAX_PHOTO_BYTES = settings.UPLOAD_MAX_VIDEO_BYTES = 1000
        response = phone.send(content, kind)
        assert code_of(response) == (413, "too_large")
        assert "1,000 bytes" in response.json()["error"]["message"]
        assert_nothing_is_left()

    def test_a_photo_past_its_limit_is_not_received_as_a_video(self, phone, settings):
        settings.UPLOAD_MAX_PHOTO_BYTES = 500
        assert code_of(phone.send(photo(), "video")) == (413, "too_large")

    def test_what_is_announced_too_large_is_not_read(self, phone):
        class Unreadable(io.BytesIO):
            def read(self, *args):
                raise AssertionError("the body was read")

        response = phone.client.generic(
            "POST",
            reverse("api_uploads"),
            content_type="multipart/form-data; boundary=x",
            CONTENT_LENGTH=str(3 * 1024**3),
            **{"wsgi.input": Unreadable()},
        )
        assert code_of(response) == (413, "too_large")

    def test_an_empty_file(self, phone):
        response = phone.send(b"")
        assert (response.status_code, list(response.json()["error"]["fields"])) == (422, ["file"])
        assert_nothing_is_left()

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"kind": "frames"}, "kind"),
            ({"kind": None}, "kind"),
            ({"client_id": ""}, "client_id"),
            ({"client_id": None}, "client_id"),
            ({"client_id": "x" * 101}, "client_id"),
            ({"client_id": "a\x00b"}, "client_id"),
            ({"captured_at": "yesterday"}, "captured_at"),
            ({"captured_at": "1999-12-31T00:00:00Z"}, "captured_at"),
            ({"captured_at": "9999-12-31T23:59:59Z", "clock_offset_seconds": 9e8}, "captured_at"),
            ({"clock_offset_seconds": "nan"}, "clock_offset_seconds"),
            ({"clock_offset_seconds": "1e400"}, "clock_offset_seconds"),
            ({"clock_offset_seconds": "late"}, "clock_offset_seconds"),
        ],
    )
    def test_a_wrong_field_is_named(self, phone, fields, field):
        response = phone.send(photo(), **fields)
        assert response.status_code == 422
        assert list(response.json()["error"]["fields"]) == [field]
        assert Photo.objects.count() == 0

    def test_frames_says_what_is_taken(self, phone):
        message = phone.send(photo(), "frames").json()["error"]["message"]
        assert "video" in message
        assert "photo" in message

    @pytest.mark.parametrize("names", [("file", "file"), ("file", "more"), ("picture",)])
    def test_exactly_one_file(self, phone, names):
        head = '--x\r\nContent-Disposition: form-data; name="{}"; filename="a.jpg"\r\n\r\n'
        parts = [head.format(name).encode() + photo() + b"\r\n" for name in names]
        response = phone.client.generic(
            "POST",
            reverse("api_uploads"),
            b"".join(parts) + b"--x--\r\n",
            content_type="multipart/form-data; boundary=x",
        )
        assert code_of(response) == (422, "upload_ambiguous")
        assert_nothing_is_left()

    def test_a_request_that_breaks_off_stores_nothing(self, phone):
        body = (
            b'--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\nphoto\r\n'
            b'--x\r\nContent-Disposition: form-data; name="client_id"\r\n\r\na1\r\n'
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        ) + photo()
        response = phone.client.generic(
            "POST",
            reverse("api_uploads"),
            body,
            content_type="multipart/form-data; boundary=x",
        )
        assert response.status_code == 422
        assert_nothing_is_left()

    @pytest.mark.parametrize(
        ("content_type", "status"),
        [("application/json", 415), ("multipart/form-data", 400), ("text/plain", 415)],
    )
    def test_no_multipart_form(self, phone, content_type, status):
        response = phone.client.generic(
            "POST", reverse("api_uploads"), b"{}", content_type=content_type
        )
        assert response.status_code == status
        assert response.json()["error"]["message"]

    def test_too_many_fields(self, phone):
        many = {f"field{number}": "x" for number in range(1100)}
        assert code_of(phone.send(photo(), **many)) == (400, "malformed")


class TestWhoMay:
    def test_nobody_without_a_token(self, db):
        response = APIClient().post(reverse("api_uploads"), {"kind": "photo"}, format="multipart")
        assert code_of(response) == (401, "not_authenticated")

    def test_a_revoked_device_is_out(self, phone):
        upload_id = phone.send(photo()).json()["id"]
        devices.revoke(phone.device)
        assert code_of(phone.send(photo(shade=90), client_id="b")) == (401, "not_authenticated")
        assert phone.ask(upload_id).status_code == 401

    def test_a_device_revoked_while_it_sends_stores_nothing(self, phone, tmp_path):
        path = tmp_path / "a.jpg"
        path.write_bytes(photo())
        received = uploads.Received(path, "a.jpg", storage.sha256_of(path), path.stat().st_size)
        devices.revoke(phone.device)
        with pytest.raises(DomainError, match="revoked"):
            uploads.receive(phone.device, received, kind="photo", client_id="a1")
        assert Photo.objects.count() == 0

    @pytest.mark.parametrize("person", ["reviewer", "supervisor", "admin_user", "superuser"])
    def test_people_are_told_that_it_takes_a_device(self, request, person):
        client = APIClient(enforce_csrf_checks=True)
        client.force_login(request.getfixturevalue(person))
        response = client.post(reverse("api_uploads"), {"kind": "photo"}, format="multipart")
        assert code_of(response) == (403, "forbidden")
        assert "device" in response.json()["error"]["message"]

    def test_a_token_of_a_person_is_no_devices(self, reviewer):
        from knox.models import get_token_model

        _, token = get_token_model().objects.create(user=reviewer)
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
        response = client.post(reverse("api_uploads"), {"kind": "photo"}, format="multipart")
        assert code_of(response) == (403, "forbidden")

    def test_devices_of_two_cameras_know_nothing_of_each_other(self, phone, camera, visit):
        other = Phone(factories.camera(camera.site, "Yard"))
        for content, kind in ((photo(), "photo"), (visit, "video")):
            mine = phone.send(content, kind, kind).json()["id"]
            theirs = other.send(content, kind, kind)
            assert theirs.status_code == 201
            assert theirs.json()["id"] != mine
            assert code_of(other.ask(mine)) == (404, "not_found")

    @pytest.mark.parametrize(
        "upload_id", ["1", "v", "p0", "x1", "v1e3", "p٣", "v" + "9" * 30, "p-1"]
    )
    def test_an_id_that_is_none(self, phone, upload_id):
        assert code_of(phone.ask(upload_id)) == (404, "not_found")

    def test_with_and_without_the_final_slash(self, phone):
        path = reverse("api_uploads").rstrip("/")
        response = phone.client.post(path, {"kind": "photo"}, format="multipart")
        assert response.status_code == 422

    def test_a_device_reads_nothing_else(self, phone, camera):
        item = factories.item(factories.incident(camera, with_files=False))
        assert phone.client.get("/api/v1/items/").json()["results"] == []
        assert phone.client.get(f"/api/v1/items/{item.pk}/").status_code == 404
