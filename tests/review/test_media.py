"""Evidence over HTTP: ranges for the player, entity tags for the cache, nothing for strangers."""

import asyncio
import io

import pytest
from django.conf import settings
from django.test import AsyncRequestFactory
from django.urls import reverse
from PIL import Image

from detection.models import Evidence
from hitlsite import storage
from review.services import thumbnails
from review.views.media import UnsatisfiableRange, parse_range, stream
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def item(camera):
    return factories.item(factories.incident(camera))


@pytest.fixture
def clip(item):
    return item.incident.evidence.get(kind=Evidence.Kind.CLIP)


@pytest.fixture
def address(clip):
    return reverse("review:evidence", args=[clip.pk])


@pytest.fixture
def content(clip):
    return (settings.MEDIA_ROOT / clip.path).read_bytes()


@pytest.fixture(autouse=True)
def _own_files(data_dir):
    """Every test stores its files in a folder of its own."""


def body(response):
    return b"".join(response.streaming_content)


@pytest.mark.parametrize(
    ("header", "size", "wanted"),
    [
        ("bytes=0-", 100, (0, 99)),
        ("bytes=0-0", 100, (0, 0)),
        ("bytes=99-", 100, (99, 99)),
        ("bytes=10-19", 100, (10, 19)),
        ("bytes=10-1000", 100, (10, 99)),
        ("bytes=-1", 100, (99, 99)),
        ("bytes=-1000", 100, (0, 99)),
        ("Bytes = 5 - 6", 100, (5, 6)),
        ("bytes=0005-0006", 100, (5, 6)),
        (f"bytes=5-{'9' * 5000}", 100, (5, 99)),
        (f"bytes=-{'9' * 5000}", 100, (0, 99)),
        (f"bytes={'9' * 5000}-6", 100, None),
        (f"bytes={'0' * 5000}5-6", 100, (5, 6)),
        ("", 100, None),
        ("bytes=-", 100, None),
        ("bytes=20-10", 100, None),
        ("bytes=0-1,5-6", 100, None),
        ("items=0-1", 100, None),
        ("bytes=a-b", 100, None),
        ("bytes=--5", 100, None),
    ],
)
def test_a_range_is_read(header, size, wanted):
    assert parse_range(header, size) == wanted


@pytest.mark.parametrize(
    ("header", "size"),
    [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0)]
    + [(f"bytes={'9' * 5000}-", 100), (f"bytes=-{'0' * 5000}", 100)],
)
def test_a_range_behind_the_end_cannot_be_satisfied(header, size):
    with pytest.raises(UnsatisfiableRange):
        parse_range(header, size)


def test_the_whole_file_comes_with_its_name_and_tag(signed_in, clip, address, content):
    response = signed_in.get(address)

    assert response.status_code == 200
    assert body(response) == content
    assert response["Content-Type"] == "video/mp4"
    assert response["Content-Length"] == str(len(content))
    assert response["Accept-Ranges"] == "bytes"
    assert response["ETag"] == f'"{clip.sha256}"'
    assert response["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("header", "cut", "content_range"),
    [
        ("bytes=0-9", slice(0, 10), "bytes 0-9/{size}"),
        ("bytes=7-", slice(7, None), "bytes 7-{last}/{size}"),
        ("bytes=0-", slice(0, None), "bytes 0-{last}/{size}"),
        ("bytes=-5", slice(-5, None), "bytes {tail}-{last}/{size}"),
    ],
)
def test_a_part_is_206(signed_in, address, content, header, cut, content_range):
    response = signed_in.get(address, headers={"Range": header})

    size = len(content)
    assert response.status_code == 206
    assert body(response) == content[cut]
    assert response["Content-Range"] == content_range.format(
        size=size, last=size - 1, tail=size - 5
    )
    assert response["Content-Length"] == str(len(content[cut]))


def test_a_part_behind_the_end_is_416(signed_in, address, content):
    response = signed_in.get(address, headers={"Range": f"bytes={len(content)}-"})

    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{len(content)}"


@pytest.mark.parametrize(
    ("condition", "status"),
    [("same", 206), ('"another"', 200), ("Wed, 21 Oct 2026 07:28:00 GMT", 200)],
)
def test_if_range_keeps_two_versions_apart(signed_in, clip, address, content, condition, status):
    condition = f'"{clip.sha256}"' if condition == "same" else condition

    response = signed_in.get(address, headers={"Range": "bytes=0-9", "If-Range": condition})

    assert response.status_code == status
    assert body(response) == (content[:10] if status == 206 else content)


@pytest.mark.parametrize("tag", ['"{sha256}"', 'W/"{sha256}"', '"x", "{sha256}"', "*"])
def test_what_the_browser_has_is_not_sent_again(signed_in, clip, address, tag):
    headers = {"If-None-Match": tag.format(sha256=clip.sha256)}

    response = signed_in.get(address, headers=headers)

    assert response.status_code == 304
    assert not response.content


def test_head_tells_the_size_and_sends_nothing(signed_in, address, content):
    response = signed_in.head(address, headers={"Range": "bytes=0-9"})

    assert response.status_code == 200
    assert response["Content-Length"] == str(len(content))
    assert not response.content


def test_an_event_loop_gets_the_same_bytes(clip, content):
    request = AsyncRequestFactory().get("/", headers={"range": "bytes=3-20"})
    response = stream(request, clip.path, sha256=clip.sha256, file_name="clip.mp4")

    async def received():
        return b"".join([chunk async for chunk in response.streaming_content])

    assert response.status_code == 206
    assert asyncio.run(received()) == content[3:21]


@pytest.mark.parametrize("name", ["review:evidence", "review:evidence_thumb"])
def test_a_browser_keeps_nothing_that_shows_faces(signed_in, camera, name):
    item = factories.item(factories.incident(camera), privacy="faces")
    row = item.incident.evidence.first()

    response = signed_in.get(reverse(name, args=[row.pk]))

    assert response["Cache-Control"] == "private, no-store"


def test_a_missing_file_is_404(signed_in, clip, address):
    storage.delete(clip.path)

    assert signed_in.get(address).status_code == 404


@pytest.mark.parametrize("name", ["review:evidence", "review:evidence_thumb"])
def test_strangers_are_sent_to_the_login_page(client, clip, name):
    response = client.get(reverse(name, args=[clip.pk]))

    assert response.status_code == 302
    assert response["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("name", ["review:evidence", "review:evidence_thumb"])
def test_another_sites_reviewer_gets_404(client, outsider, clip, name):
    client.force_login(outsider)

    assert client.get(reverse(name, args=[clip.pk])).status_code == 404


def test_a_device_gets_403(client, device_user, address):
    client.force_login(device_user)

    assert client.get(address).status_code == 403


def test_unredacted_pictures_of_a_decided_item_are_for_supervisors(
    client, camera, reviewer, supervisor
):
    item = factories.item(factories.incident(camera), status="rejected", privacy="faces")
    frame = item.incident.evidence.get(kind=Evidence.Kind.FRAME_PEAK)
    seen = {}
    for user in (reviewer, supervisor):
        client.force_login(user)
        seen[user.username] = client.get(reverse("review:evidence", args=[frame.pk])).status_code

    assert seen == {"reviewer": 404, "supervisor": 200}


@pytest.mark.parametrize("kind", [Evidence.Kind.FRAME_PEAK, Evidence.Kind.CLIP])
def test_a_thumbnail_is_a_small_jpeg(signed_in, camera, kind):
    incident = factories.incident(camera, with_files=False)
    wide = factories.picture().repeat(3, axis=0).repeat(3, axis=1)
    content = factories.clip([wide] * 3) if kind == Evidence.Kind.CLIP else factories.jpeg(wide)
    row = factories.evidence(incident, kind, content, at_seconds=1.0)
    factories.item(incident)

    response = signed_in.get(reverse("review:evidence_thumb", args=[row.pk]))

    picture = Image.open(io.BytesIO(body(response)))
    assert response["Content-Type"] == "image/jpeg"
    assert (picture.format, picture.size) == ("JPEG", (320, 180))


def test_a_thumbnail_is_made_once(clip):
    name = thumbnails.thumbnail(clip)
    storage.delete(clip.path)

    assert thumbnails.thumbnail(clip) == name


def test_a_thumbnail_made_again_is_the_same_file(camera):
    item = factories.item(factories.incident(camera))
    for row in item.incident.evidence.all():
        made = settings.MEDIA_ROOT / thumbnails.thumbnail(row)
        first = made.read_bytes()
        made.unlink()

        assert (settings.MEDIA_ROOT / thumbnails.thumbnail(row)).read_bytes() == first


def test_a_file_that_is_no_picture_has_no_thumbnail(signed_in, camera):
    incident = factories.incident(camera, with_files=False)
    row = factories.evidence(incident, Evidence.Kind.FRAME_PEAK, b"no picture", at_seconds=1.0)
    factories.item(incident)

    assert signed_in.get(reverse("review:evidence_thumb", args=[row.pk])).status_code == 422


@pytest.fixture
def lone_frame(camera):
    """A frame that no other evidence shares its content with."""
    incident = factories.incident(camera, with_files=False)
    content = factories.jpeg(factories.picture())
    frame = factories.evidence(incident, Evidence.Kind.FRAME_PEAK, content, at_seconds=1.0)
    factories.item(incident)
    return frame


def redact(frame):
    redacted = factories.picture()
    redacted[:60] = 0
    frame.path, frame.sha256, _ = storage.store_bytes(
        frame.incident.camera.site_id, "redacted", factories.jpeg(redacted), suffix=".jpg"
    )
    frame.save()


def test_a_redaction_gets_its_own_thumbnail_and_the_old_one_goes(lone_frame):
    before = thumbnails.thumbnail(lone_frame)
    redact(lone_frame)

    after = thumbnails.thumbnail(lone_frame)
    thumbnails.forget(lone_frame)

    assert after != before
    assert not (settings.MEDIA_ROOT / before).exists()
    assert (settings.MEDIA_ROOT / after).exists()


def test_the_thumbnail_of_what_is_shown_is_never_forgotten(lone_frame):
    kept = thumbnails.thumbnail(lone_frame)

    thumbnails.forget(lone_frame)

    assert (settings.MEDIA_ROOT / kept).exists()


def test_a_thumbnail_that_another_item_shows_stays(camera):
    first, second = (factories.item(factories.incident(camera)) for _ in range(2))
    frame = first.incident.evidence.get(kind=Evidence.Kind.FRAME_PEAK)
    twin = second.incident.evidence.get(kind=Evidence.Kind.FRAME_PEAK)
    assert frame.sha256 == twin.sha256
    kept = thumbnails.thumbnail(twin)
    redact(frame)

    thumbnails.forget(frame)

    assert (settings.MEDIA_ROOT / kept).exists()


def test_redacting_an_item_leaves_no_thumbnail_of_its_originals(
    signed_in, camera, django_capture_on_commit_callbacks
):
    item = factories.item(factories.incident(camera), privacy="faces")
    before = [thumbnails.thumbnail(row) for row in item.incident.evidence.all()]

    with django_capture_on_commit_callbacks(execute=True):
        signed_in.post(reverse("review:redact", args=[item.pk]), {"method": "blur"})

    assert not any((settings.MEDIA_ROOT / name).exists() for name in before)


def test_purging_destroys_what_a_late_request_left(lone_frame):
    left = thumbnails.thumbnail(lone_frame)
    lone_frame.original_destroyed_at = factories.STARTS_AT
    redact(lone_frame)

    thumbnails.purge(factories.STARTS_AT)

    assert not (settings.MEDIA_ROOT / left).exists()
