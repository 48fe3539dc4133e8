"""Photos to test with: rows with a drawn file, with detections, marked or not."""

import itertools
from datetime import timedelta

from detection.models import Photo, PhotoDetection
from hitlsite import storage
from review.services import marks
from tests import factories

FOUND = (("person", 0.83, factories.PERSON_BOX),)
_numbers = itertools.count(1)


def photo(camera=None, *, found=FOUND, content=None, with_file=True, **columns):
    """Return a photo of the drawn room, each with another place for its lamp.

    Args:
        found: (class, score, box) of its detections.
        content: the bytes of its file; drawn where None.
    """
    number = next(_numbers)
    camera = camera or factories.camera()
    path, sha256 = f"sites/{camera.site_id}/photos/none-{number}.jpg", f"{number:064x}"
    if with_file:
        content = content or factories.jpeg(factories.picture(number * 0.7))
        path, sha256, _ = storage.store_bytes(camera.site_id, "photos", content, suffix=".jpg")
    columns = {
        "received_sha256": f"{number:064x}",
        "width": factories.WIDTH,
        "height": factories.HEIGHT,
        "captured_at": factories.STARTS_AT + timedelta(minutes=number),
        "detected_at": factories.STARTS_AT + timedelta(days=1),
        **columns,
    }
    made = Photo.objects.create(camera=camera, path=path, sha256=sha256, **columns)
    served = factories.deployment() if found else None
    for class_name, score, box in found:
        PhotoDetection.objects.create(
            photo=made,
            deployment=served,
            class_name=class_name,
            score=score,
            box_xyxy=list(box),
        )
    return made


def marked(photo, by, *, reason="missed_detection", **options):
    """Mark a photo as the service does and return (mark, item)."""
    mark = marks.mark(photo.pk, by=by, reason=reason, **options)
    photo.refresh_from_db()
    return mark, photo.item


def looked_at(item, *, privacy="clear"):
    """Scan the item of a photo, as it were: what was found is ``privacy``, its proposal ready."""
    item.privacy = privacy
    item.proposal = "ready" if privacy == "faces" else "none"
    item.save(update_fields=["privacy", "proposal"])
    evidence = item.photo.evidence
    scan = factories.privacy_scan(item, evidence, result=privacy)
    if privacy == "faces":
        factories.redaction(item, evidence, scan=scan)
    return item
