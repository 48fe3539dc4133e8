"""A site full of items that nobody filmed: to see how pages and counts do with many of them.

Every item has its incident, a rule hit, one rendered still that was looked through, and nothing
else; the stills are a handful of files that all of them share.
"""

import io
import random
from datetime import timedelta
from types import SimpleNamespace

from django.db import transaction
from django.utils import timezone

from detection.models import (
    Camera,
    Deployment,
    Evidence,
    Footage,
    Incident,
    RuleHit,
    Segment,
)
from hitlsite import audit, storage
from hitlsite.errors import DomainError
from hitlsite.models import Site
from review.models import PrivacyScan, TrainingItem
from review.ranking import priority
from review.services import blind, tallies

Mode = TrainingItem.Mode
CHUNK = 1000
MOST_ITEMS = 2_000_000
CAMERAS, STILLS, DAYS = 4, 8, 90
WIDTH, HEIGHT = 640, 360
CATEGORIES = ("loitering", "restricted_zone_entry", "person_detected", "crowd_formation")
SEVERITIES = ("low", "medium", "medium", "high")


def seed(name, count, *, seed=1, progress=None):
    """Make a site with ``count`` pending items and return it; the same seed gives the same items.

    Args:
        progress: called with the number of items stored so far after each thousand.

    Raises:
        DomainError: site_exists, for a site of that name may be somebody's; count_invalid.
    """
    if not 1 <= count <= MOST_ITEMS:
        raise DomainError("count_invalid", f"The count must be 1 to {MOST_ITEMS}, not {count}.")
    with transaction.atomic():
        site, is_new = Site.objects.get_or_create(name=name)
        if not is_new:
            raise DomainError("site_exists", f"There is a site {name!r}; seed one of a new name.")
        audit.record("site.seeded", site, site=site, detail={"items": count, "seed": seed})
    chance = random.Random(seed)
    cast = SimpleNamespace(
        site=site, cameras=_cameras(site), stills=_stills(site), deployment=_deployment()
    )
    for start in range(0, count, CHUNK):
        with transaction.atomic():
            _store(cast, range(start, min(start + CHUNK, count)), count, chance)
        if progress:
            progress(min(start + CHUNK, count))
    with transaction.atomic():
        tallies.recount(site)
    return site


def _cameras(site):
    """Return [(camera, footage, segment)]."""
    made = []
    now = timezone.now()
    for number in range(1, CAMERAS + 1):
        camera = Camera.objects.create(site=site, name=f"Seeded {number}", is_enabled=False)
        footage = Footage.objects.create(
            camera=camera,
            kind=Footage.Kind.IMPORT,
            session="seeded",
            location="",
            width=WIDTH,
            height=HEIGHT,
            starts_at=now - timedelta(days=DAYS),
            ended_at=now,
        )
        segment = Segment.objects.create(
            footage=footage, position=0, start_seconds=0.0, end_seconds=DAYS * 86_400.0
        )
        Segment.objects.filter(pk=segment.pk).update(state=Segment.State.DONE)
        made.append((camera, footage, segment))
    return made


def _deployment():
    now = timezone.now()
    return Deployment.objects.create(
        slot="object_detector",
        role=Deployment.Role.CHALLENGER,
        name="seeded",
        threshold=0.4,
        activated_at=now,
        retired_at=now,
    )


def _stills(site):
    """Store a few rendered pictures and return [(path, sha256, size in bytes)]."""
    from PIL import Image, ImageDraw

    stored = []
    for number in range(STILLS):
        shade = 60 + number * 14
        image = Image.new("RGB", (WIDTH, HEIGHT), (shade, shade + 10, shade + 20))
        left = 60 + number * 60
        ImageDraw.Draw(image).rectangle((left, 120, left + 80, 320), fill=(200, 180, 120))
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=85)
        stored.append(storage.store_bytes(site.pk, "evidence", stream.getvalue(), suffix=".jpg"))
    return stored


def _store(cast, numbers, count, chance):
    """Store one chunk of items with all that belongs to them."""
    now = timezone.now()
    incidents = Incident.objects.bulk_create(
        _incident(cast, number, count, now, chance) for number in numbers
    )
    RuleHit.objects.bulk_create(_hit(one) for one in incidents)
    evidence = Evidence.objects.bulk_create(
        _evidence(cast, one, number) for one, number in zip(incidents, numbers, strict=True)
    )
    items = TrainingItem.objects.bulk_create(_item(cast, one) for one in incidents)
    PrivacyScan.objects.bulk_create(
        PrivacyScan(
            item=item,
            evidence=row,
            file_sha256=row.sha256,
            result=PrivacyScan.Result.CLEAR,
            detectors=["seeded"],
            frames_scanned=1,
        )
        for item, row in zip(items, evidence, strict=True)
    )


def _incident(cast, number, count, now, chance):
    camera, footage, segment = cast.cameras[number % CAMERAS]
    opened = DAYS * 86_400.0 * number / count
    lasted = chance.uniform(5.0, 60.0)
    kind = chance.randrange(len(CATEGORIES))
    return Incident(
        camera=camera,
        footage=footage,
        segment=segment,
        deployment=cast.deployment,
        key=f"seeded:{number}",
        origin=Incident.Origin.IMPORT,
        state=Incident.State.CLOSED,
        category=CATEGORIES[kind],
        severity=SEVERITIES[kind],
        class_name="person",
        why=f"person in entrance for {lasted:.0f} s",
        opened_at_seconds=opened,
        closed_at_seconds=opened + lasted,
        close_reason="track_lost",
        opened_at=footage.starts_at + timedelta(seconds=opened),
        closed_at=footage.starts_at + timedelta(seconds=opened + lasted),
        peak_score=round(chance.uniform(0.3, 0.99), 3),
        peak_at_seconds=opened + lasted / 2,
        track_ids=[number + 1],
        evidence_complete_at=now,
    )


def _hit(incident):
    return RuleHit(
        incident=incident,
        position=0,
        rule_name=incident.category,
        kind=incident.category,
        zone="entrance",
        opened_at_seconds=incident.opened_at_seconds,
        closed_at_seconds=incident.closed_at_seconds,
        why=incident.why,
    )


def _evidence(cast, incident, number):
    path, sha256, size = cast.stills[number % STILLS]
    return Evidence(
        incident=incident,
        kind=Evidence.Kind.FRAME_PEAK,
        at_seconds=incident.peak_at_seconds,
        path=path,
        sha256=sha256,
        original_sha256=sha256,
        byte_count=size,
        width=WIDTH,
        height=HEIGHT,
        observations=[
            {
                "at_seconds": incident.peak_at_seconds,
                "track_id": incident.track_ids[0],
                "class_name": "person",
                "score": incident.peak_score,
                "box_xyxy": [0.1, 0.33, 0.22, 0.89],
            }
        ],
    )


def _item(cast, incident):
    return TrainingItem(
        site=cast.site,
        camera=incident.camera,
        incident=incident,
        mode=Mode.DOUBLE if blind.is_double(cast.site, incident.key) else Mode.SINGLE,
        category=incident.category,
        proposed_category=incident.category,
        collection_method=TrainingItem.Collection.IMPORT,
        severity=incident.severity,
        priority=priority(
            incident.severity, incident.peak_score, threshold=cast.deployment.threshold
        ),
        privacy=TrainingItem.Privacy.CLEAR,
        provenance={"seeded": True},
    )
