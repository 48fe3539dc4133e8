"""The list of marked photos: 100 of 5,000 among 100,000 photos, beside LIMIT and OFFSET.

Both sides load the same rows with the same details. Ours goes on from the last mark seen; the
other counts its way to row 4,900. They take turns in one run, and the ratio of each round gives
the interval. The figures are of the selector that pages and API call, without JSON.

    python benchmarks/marked.py [--photos N] [--marked N] [--rounds N] [--quick]

It works in an SQLite database of its own, or in the empty one that DATABASE_URL names.
"""

import argparse
import random
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STARTS_AT = datetime(2026, 3, 2, tzinfo=UTC)
CAMERAS = 20
PAGE = 100
SLOWEST_MS = 10.0
RESAMPLES = 2000


def seed(photo_count, marked_count):
    """Store photos with two detections each and mark some at random; return a reviewer."""
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Group
    from django.db import connection, transaction

    from detection.models import Camera, Deployment
    from hitlsite import people
    from hitlsite.models import Membership, Site

    with transaction.atomic():
        site = Site.objects.create(name="Harbour")
        reviewer = get_user_model().objects.create_user("reviewer", is_staff=True)
        reviewer.groups.add(Group.objects.get(name=people.REVIEWER))
        Membership.objects.create(site=site, user=reviewer)
        cameras = [Camera.objects.create(site=site, name=f"Gate {n}") for n in range(CAMERAS)]
        served = Deployment.objects.create(
            slot="object_detector", name="seeded", sha256="1" * 64, backend="onnxruntime",
            input_size=416, precision="f32", class_names=["person"], activated_at=STARTS_AT,
        )  # fmt: skip
        photos = _photos(cameras, served, photo_count)
        _marks(site, reviewer, random.Random(7).sample(photos, marked_count))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return reviewer


def _photos(cameras, served, count):
    from detection.models import Photo, PhotoDetection

    photos = Photo.objects.bulk_create(
        (
            Photo(
                camera=cameras[number % CAMERAS],
                received_sha256=f"{number:064x}",
                sha256=f"{number:064x}",
                path=f"sites/1/photos/{number:064x}.jpg",
                width=1280,
                height=720,
                captured_at=STARTS_AT + timedelta(seconds=20 * number),
                detected_at=STARTS_AT,
            )
            for number in range(count)
        ),
        batch_size=2000,
    )
    PhotoDetection.objects.bulk_create(
        (
            PhotoDetection(
                photo=photo, deployment=served, class_name="person", score=score, box_xyxy=BOX
            )
            for photo in photos
            for score in (0.9, 0.4)
        ),
        batch_size=5000,
    )
    return photos


BOX = [0.1, 0.2, 0.3, 0.8]


def _marks(site, reviewer, photos):
    from review.models import Mark, TrainingItem

    Mark.objects.bulk_create(
        (
            Mark(photo=photo, reason="missed_detection", marked_by=reviewer, marked_at=STARTS_AT)
            for photo in photos
        ),
        batch_size=2000,
    )
    TrainingItem.objects.bulk_create(
        (
            TrainingItem(
                site=site,
                camera_id=photo.camera_id,
                photo=photo,
                category="unknown",
                proposed_category="unknown",
                collection_method="manual",
                severity="info",
            )
            for photo in photos
        ),
        batch_size=2000,
    )


def by_offset(user, skipped):
    """Return the page that starts after ``skipped`` marks, counted off each time."""
    from review.models import Mark
    from review.selectors.photo_rows import STANDING, loaded_of

    marks = Mark.objects.visible_to(user).filter(STANDING).order_by("-pk")
    return loaded_of(list(marks.select_related("photo")[skipped : skipped + PAGE]))


def timed(call):
    started = time.perf_counter()
    result = call()
    return result, 1000 * (time.perf_counter() - started)


def last_cursor(user, depth):
    """Return the cursor behind which the page at ``depth`` starts."""
    from review.selectors import photos as library

    cursor = None
    for _ in range(depth // PAGE):
        cursor = library.marked_page(user, after=cursor, size=PAGE).next_cursor
    return cursor


def interval(ratios):
    """Return the 95 % interval of the median, by resampling."""
    chosen = random.Random(11)
    medians = sorted(
        statistics.median(chosen.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES)
    )
    return medians[int(0.025 * RESAMPLES)], medians[int(0.975 * RESAMPLES)]


def measure(user, depth, rounds):
    """Return {what: milliseconds of each round}; both sides answer the same photos."""
    from review.selectors import photos as library

    cursor = last_cursor(user, depth)
    seconds = {"first": [], "deep": [], "offset": [], "count": []}
    for _ in range(rounds + 2):
        deep, deep_ms = timed(lambda: library.marked_page(user, after=cursor, size=PAGE))
        other, other_ms = timed(lambda: by_offset(user, depth))
        _, first_ms = timed(lambda: library.marked_page(user, size=PAGE))
        _, count_ms = timed(lambda: library.marked_count(user))
        assert [one.pk for one in deep.photos] == [one.pk for one in other]
        found = (first_ms, deep_ms, other_ms, count_ms)
        for name, value in zip(seconds, found, strict=True):
            seconds[name].append(value)
    return {name: values[2:] for name, values in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--marked", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="10,000 photos, 500 marked")
    told = parser.parse_args()
    if told.quick:
        told.photos, told.marked, told.rounds = 10_000, 500, 15
    sys.path.insert(0, str(ROOT))
    from benchmarks.product import prepare

    prepare()
    from django.contrib.auth import get_user_model
    from django.db import connection

    from benchmarks.reporting import finish

    reviewer = get_user_model().objects.get(pk=seed(told.photos, told.marked).pk)
    depth = told.marked - PAGE
    taken = measure(reviewer, depth, told.rounds)
    middle = {name: statistics.median(values) for name, values in taken.items()}
    ratios = [other / deep for other, deep in zip(taken["offset"], taken["deep"], strict=True)]
    low, high = interval(ratios)
    ratio = statistics.median(ratios)
    rows = [
        ("database", connection.vendor),
        ("photos, of them marked", f"{told.photos:,}, {told.marked:,}"),
        (f"page of {PAGE}, the first", f"{middle['first']:.2f} ms"),
        (f"page of {PAGE}, after {depth:,}", f"{middle['deep']:.2f} ms"),
        (f"the same by OFFSET {depth:,}", f"{middle['offset']:.2f} ms"),
        ("OFFSET against ours", f"x {ratio:.2f} (95 % interval {low:.2f} to {high:.2f})"),
        ("count", f"{middle['count']:.2f} ms"),
    ]
    figures = {f"{name}_ms": round(value, 3) for name, value in middle.items()}
    figures |= {"offset_ratio": round(ratio, 3), "offset_ratio_interval": [low, high]}
    marks = {
        "first page, ms": (middle["first"], "<=", SLOWEST_MS),
        "last page, ms": (middle["deep"], "<=", SLOWEST_MS),
    }
    finish("marked", rows, figures, marks)


if __name__ == "__main__":
    main()
