"""Pictures with boxes to freeze datasets from: rows and drawn files, without scanning anything."""

import hashlib
import io
import itertools
from datetime import datetime, timedelta

import numpy as np
from django.db import transaction
from PIL import Image, ImageEnhance

from detection.models import Evidence, Incident, Photo
from hitlsite import storage
from review.models import Annotation, LabelClass, TrainingItem
from review.services import tallies
from tests import factories, photos

BOX = (0.2, 0.3, 0.4, 0.9)
SIZE = (160, 120)
_numbers = itertools.count(1)


def classes(site, *names):
    """Return the label classes of a site by name, made where they are not there."""
    highest = LabelClass.objects.filter(site=site).count()
    known = {one.name: one for one in LabelClass.objects.filter(site=site)}
    for name in names:
        if name not in known:
            known[name] = LabelClass.objects.create(site=site, index=highest, name=name)
            highest += 1
    return known


def scene(number, *, grey=False, darkness=0):
    """Draw a picture unlike that of any other number, (H, W, 3) uint8 RGB."""
    random = np.random.default_rng(number)
    parts = random.integers(60, 250, (6, 8, 3)).astype(np.uint8)
    if grey:
        parts[:] = parts[..., :1]
    parts = np.clip(parts.astype(int) - darkness, 0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(parts).resize(SIZE, Image.Resampling.BICUBIC))


def resaved(image, *, share=0.6, quality=60, brightness=1.08):
    """Return the bytes of a picture saved smaller, lighter and harder."""
    copy = Image.fromarray(image)
    copy = copy.resize([round(side * share) for side in copy.size])
    copy = ImageEnhance.Brightness(copy).enhance(brightness)
    stream = io.BytesIO()
    copy.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def picture(
    camera,
    by,
    *,
    day=0,
    boxes=(("person", BOX),),
    exhaustive=("person",),
    content=None,
    origin=Photo.Origin.UPLOAD,
    status="confirmed",
    privacy="clear",
    captured_at=None,
    **columns,
):
    """Return the item of a photo with current boxes, taken ``day`` days after the first.

    Args:
        boxes: (class name, box); none makes a reviewed negative.
        content: its file; drawn, unlike every other, where None.
    """
    number = next(_numbers)
    content = content or factories.jpeg(scene(number))
    evidence = _evidence(camera, number, content, day=day, at=captured_at, origin=origin)
    photo = evidence.photo
    item = TrainingItem.objects.create(
        site=camera.site,
        camera=camera,
        photo=photo,
        status=status,
        privacy=privacy,
        category=Incident.Category.UNKNOWN,
        proposed_category=Incident.Category.UNKNOWN,
        collection_method="import" if origin == Photo.Origin.IMPORT else "manual",
        severity="info",
        **columns,
    )
    with transaction.atomic():
        tallies.added(item)
    if privacy == "clear":
        factories.privacy_scan(item, evidence)
    annotate(item, evidence, by, boxes=boxes, exhaustive=exhaustive)
    return item


def _evidence(camera, number, content, *, day, at, origin):
    """Store a photo with its file and return its evidence."""
    path, sha256, size = storage.store_bytes(camera.site_id, "photos", content, suffix=".jpg")
    with Image.open(storage.local_copy(path)[0]) as opened:
        width, height = opened.size
    photo = photos.photo(
        camera,
        found=(),
        with_file=False,
        received_sha256=hashlib.sha256(str(number).encode()).hexdigest(),
        captured_at=at or factories.STARTS_AT + timedelta(days=day, seconds=number % 3600),
        origin=origin,
        width=width,
        height=height,
    )
    Photo.objects.filter(pk=photo.pk).update(path=path, sha256=sha256)
    photo.refresh_from_db()
    return Evidence.objects.create(
        photo=photo,
        kind=Evidence.Kind.PHOTO,
        at_seconds=0.0,
        path=path,
        sha256=sha256,
        original_sha256=sha256,
        byte_count=size,
        width=width,
        height=height,
    )


def annotate(item, evidence, by, *, boxes, exhaustive=("person",), at=None):
    """Append a state of boxes as the current one."""
    named = classes(item.site, *[name for name, _ in boxes], *exhaustive)
    last = Annotation.objects.filter(evidence=evidence).order_by("-version").first()
    Annotation.objects.filter(evidence=evidence).update(is_current=False)
    return Annotation.objects.create(
        item=item,
        evidence=evidence,
        version=last.version + 1 if last else 1,
        boxes=[
            {"label": named[name].index, "box_xyxy": list(box), "origin": "drawn"}
            for name, box in boxes
        ],
        exhaustive=sorted({named[name].index for name in exhaustive}),
        is_negative=not boxes,
        annotated_by=by,
        annotated_at=at or datetime.now(tz=factories.STARTS_AT.tzinfo),
    )


def frames(camera, by, *, footage=None, count=3, boxes=(("person", BOX),), track_id=7):
    """Return the item of a confirmed incident with ``count`` labelled frames of one track."""
    incident = factories.incident(
        camera, footage=footage, with_files=False, track_ids=[track_id], seconds=6.0
    )
    rows = [
        factories.evidence(
            incident,
            Evidence.Kind.TRACK_FRAME,
            factories.jpeg(scene(next(_numbers))),
            at_seconds=30.0 + number,
            position=number,
            width=SIZE[0],
            height=SIZE[1],
        )
        for number in range(count)
    ]
    item = factories.item(incident, status="confirmed", privacy="clear")
    for row in rows:
        annotate(item, row, by, boxes=boxes)
    return item


def days(camera, by, count=4, *, each=2, **columns):
    """Return the items of some days, ``each`` a day, every other one without anything in it."""
    return [
        picture(camera, by, day=day, boxes=() if number % 2 else (("person", BOX),), **columns)
        for day in range(count)
        for number in range(each)
    ]
