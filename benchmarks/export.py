"""Export 25,000 confirmed items and say what the time goes into.

Own work is everything that the product adds: reading rows, building records, encoding JSON, COCO
and manifest, hashing what is written, and the transaction that ends the run. On lines of their own
stand what the size of the pictures decides (reading, hashing, copying and measuring unchanged
files) and the privacy check, which looks at every picture once more. Every picture here is covered
whole, so that the check needs no network. Loading libraries is left out.

Items are made in one process and exported in another, whose memory is told.

    python benchmarks/export.py [--items N] [--pictures N] [--formats yolo,csv,parquet] [--quick]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ITEMS, QUICK_ITEMS = 25_000, 2_000
OWN_SECONDS, MEGABYTES = 3.0, 200.0
WHOLE = {"box_xyxy": [0.0, 0.0, 1.0, 1.0], "source": "drawn", "score": 1.0, "at_seconds": None}
KINDS = ("frame_peak", "frame_open", "frame_last")
BATCH = 1000


def prepare(folder):
    """Point the product at a database of its own, before Django is set up."""
    os.environ["SECOND_LOOK_DATA_DIR"] = str(folder)
    os.environ["SECOND_LOOK_DETECTOR"] = "motion"
    os.environ["SECOND_LOOK_MODEL_DIR"] = str(Path(folder) / "models")
    os.environ["DJANGO_SETTINGS_MODULE"] = "hitlsite.settings"
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    sys.path.insert(0, str(ROOT))
    import django

    django.setup()


def seed(items, pictures):
    """Store confirmed items with a rule hit, a confirmation and redacted stills each."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from hitlsite.models import Site

    call_command("migrate", verbosity=0)
    site = Site.objects.create(name="Harbour")
    reviewer = get_user_model().objects.create_user("reviewer")
    stage = _stage(site)
    content = _picture()
    for start in range(0, items, BATCH):
        numbers = range(start, min(start + BATCH, items))
        _store(site, stage, reviewer, numbers, pictures, content)


def _stage(site):
    from django.utils import timezone

    from detection.models import Camera, Deployment, Footage, Segment

    camera = Camera.objects.create(site=site, name="Gate")
    deployment = Deployment.objects.create(
        slot="object_detector", name="detector", sha256="d" * 64, activated_at=timezone.now()
    )
    footage = Footage.objects.create(camera=camera, kind="file", session="s", location="film.mp4")
    segment = Segment.objects.create(footage=footage, position=0, start_seconds=0.0)
    return camera, deployment, footage, segment


def _picture():
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (64, 48)).save(stream, "JPEG")
    return stream.getvalue()


def _store(site, stage, reviewer, numbers, pictures, content):
    from django.db import transaction
    from django.utils import timezone

    from detection.models import RuleHit
    from review.models import Decision, TrainingItem

    now = timezone.now()
    with transaction.atomic():
        incidents = _incidents(stage, numbers, now)
        made = TrainingItem.objects.bulk_create(
            TrainingItem(
                site=site,
                camera=stage[0],
                incident=incident,
                status="confirmed",
                privacy="redacted",
                category="loitering",
                proposed_category="loitering",
                severity="medium",
            )
            for incident in incidents
        )
        RuleHit.objects.bulk_create(_hit(incident) for incident in incidents)
        Decision.objects.bulk_create(
            Decision(
                item=item,
                reviewer=reviewer,
                role="reviewer",
                verdict="confirmed",
                status_before="pending_review",
                item_version=1,
                at=now,
            )
            for item in made
        )
        _store_stills(site, made, pictures, content)


def _incidents(stage, numbers, now):
    from detection.models import Incident

    camera, deployment, footage, segment = stage
    return Incident.objects.bulk_create(
        Incident(
            camera=camera,
            footage=footage,
            segment=segment,
            deployment=deployment,
            key=f"loitering:{number}",
            state="closed",
            category="loitering",
            severity="medium",
            class_name="person",
            why="person loitering in entrance for 31 s",
            opened_at_seconds=float(number),
            closed_at_seconds=number + 31.0,
            opened_at=now,
            closed_at=now,
            peak_score=0.8,
            track_ids=[7],
            code_version="0.1.0",
            evidence_complete_at=now,
        )
        for number in numbers
    )


def _hit(incident):
    from detection.models import RuleHit

    return RuleHit(
        incident=incident,
        position=0,
        rule_name="loitering",
        kind="loitering",
        zone="entrance",
        opened_at_seconds=incident.opened_at_seconds,
        why=incident.why,
    )


def _store_stills(site, items, pictures, content):
    """Write a picture of its own for every row of evidence, and the redaction that covers it."""
    from detection.models import Evidence
    from hitlsite import storage
    from review.models import PrivacyScan, Redaction

    rows = []
    for item in items:
        for position, kind in enumerate(KINDS[:pictures]):
            # Bytes after a JPEG's end are no part of it: so each file is another one.
            own = content + f"{item.pk}:{position}".encode()
            path, sha256, size = storage.store_bytes(site.pk, "frame", own, suffix=".jpg")
            rows.append((item, _still(item, kind, path, sha256, size)))
    Evidence.objects.bulk_create(row for _, row in rows)
    scans = PrivacyScan.objects.bulk_create(
        PrivacyScan(item=item, evidence=row, file_sha256=row.sha256, result="faces")
        for item, row in rows
    )
    Redaction.objects.bulk_create(
        Redaction(
            item=item,
            evidence=row,
            scan=scan,
            method="mask",
            state="applied",
            regions=[WHOLE],
            source_sha256=row.sha256,
            path=row.path,
            sha256=row.sha256,
            byte_count=row.byte_count,
        )
        for (item, row), scan in zip(rows, scans, strict=True)
    )


def _still(item, kind, path, sha256, size):
    from detection.models import Evidence

    at_seconds = item.incident.opened_at_seconds
    seen = [
        {
            "at_seconds": at_seconds,
            "track_id": track,
            "class_name": class_name,
            "score": 0.8,
            "box_xyxy": [0.1 * track, 0.25, 0.1 * track + 0.2, 0.9],
        }
        for track, class_name in ((3, "person"), (5, "backpack"))
    ]
    return Evidence(
        incident=item.incident,
        kind=kind,
        at_seconds=at_seconds,
        path=path,
        sha256=sha256,
        original_sha256=sha256,
        byte_count=size,
        width=64,
        height=48,
        observations=seen,
    )


def export(folder, formats):
    """Export everything; return seconds by what they went into, and the memory's high water."""
    from hitlsite.models import Site
    from training.services import export_items, exports

    readers = []
    make = export_items.ItemReader.__init__

    def noted(self, *args, **options):
        readers.append(self)
        make(self, *args, **options)

    export_items.ItemReader.__init__ = noted
    _load(formats)
    before = _peak_megabytes()
    begun = time.perf_counter()
    run = exports.export_to(Path(folder) / "out", site=Site.objects.get(), formats=formats)
    seconds = time.perf_counter() - begun
    spent = readers[0].seconds
    return {
        "items": run.item_count,
        "pictures": run.image_count,
        "total_seconds": seconds,
        "files_seconds": spent["files"],
        "privacy_seconds": spent["privacy"],
        "own_seconds": seconds - spent["files"] - spent["privacy"],
        "megabytes": _peak_megabytes(),
        "megabytes_before": before,
    }


def _load(formats):
    """Import what the first export of a process imports."""
    from review.services import privacy
    from training.exporting import placing, snapshot, tables  # noqa: F401

    privacy.face_scanner()
    if formats:
        tables.schema()


def _peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _in_child(step, folder, wanted):
    """Run one step in a process of its own and return what it prints as JSON."""
    command = [sys.executable, __file__, "--step", step, "--folder", folder]
    command += ["--items", str(wanted.items), "--pictures", str(wanted.pictures)]
    command += ["--formats", wanted.formats]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _step(wanted):
    prepare(wanted.folder)
    if wanted.step == "seed":
        seed(wanted.items, wanted.pictures)
        figures = {}
    else:
        figures = export(wanted.folder, [name for name in wanted.formats.split(",") if name])
    print(json.dumps(figures))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int)
    parser.add_argument("--pictures", type=int, choices=(1, 2, 3), default=3)
    parser.add_argument("--formats", default="")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ITEMS} items")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    wanted.items = wanted.items or (QUICK_ITEMS if wanted.quick else ITEMS)
    if wanted.step:
        _step(wanted)
        return
    with tempfile.TemporaryDirectory(prefix="second-look-bench-") as folder:
        _in_child("seed", folder, wanted)
        figures = _in_child("export", folder, wanted)
    report(figures, wanted)


def report(figures, wanted):
    """Print the figures; the mark of seconds is for 25,000 items and goes with their number."""
    sys.path.insert(0, str(ROOT))
    from benchmarks.reporting import finish

    per_item = figures["own_seconds"] / figures["items"] * 1e6
    rows = [
        ("items", f"{figures['items']:,} with {figures['pictures']:,} pictures"),
        ("formats besides JSONL, COCO, manifest", wanted.formats or "none"),
        ("own work", f"{figures['own_seconds']:.2f} s, {per_item:.0f} us an item"),
        ("files read, hashed, copied", f"{figures['files_seconds']:.2f} s"),
        ("privacy check", f"{figures['privacy_seconds']:.2f} s"),
        ("memory at its highest", f"{figures['megabytes']:.0f} MB"),
        ("of it before the export began", f"{figures['megabytes_before']:.0f} MB"),
    ]
    allowed = OWN_SECONDS * figures["items"] / ITEMS
    marks = {
        "own work (s)": (figures["own_seconds"], "<=", round(allowed, 3)),
        "memory (MB)": (figures["megabytes"], "<=", MEGABYTES),
    }
    finish("export", rows, figures, marks)


if __name__ == "__main__":
    main()
