"""Incidents of another system, from a file of JSON lines and a folder of pictures, into the queue.

Each line is an import of its own: a bad one leaves nothing behind and the others go on. The same
incident_id again changes nothing where the content is the same, and is refused where it is not.
Each incident has a footage of its own, so that its times begin at 0 and its id is unique by a
constraint.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from detection.models import Evidence, Footage, Incident, IncidentEvent, RuleHit, Segment
from detection.services import cameras, deployments
from hitlsite import audit
from hitlsite.errors import DomainError
from review.models import TrainingItem
from review.services import conversion, import_files, privacy
from review.services.import_lines import read_line, wrong

LONGEST_LINE = 1_000_000
SEVERITY = "medium"


@dataclass
class Report:
    """What became of the lines of a file.

    Attributes:
        imported: (line, incident id, item id) of what is new; unchanged: the same of what was
            there. refused: (line, key, sentence).
    """

    lines: int = 0
    imported: list[tuple[int, str, int]] = field(default_factory=list)
    unchanged: list[tuple[int, str, int]] = field(default_factory=list)
    refused: list[tuple[int, str, str]] = field(default_factory=list)


def import_incidents(path, *, camera, evidence_dir, by=None, progress=None):
    """Import every sound line of a file; return a Report.

    Args:
        camera: the Camera row whose incidents they are; its private zones are blackened.
        evidence_dir: folder with ``{incident_id}_frame_*`` and ``{incident_id}_clip.mp4``.
        by: the user who imports; None for the operator of this machine.
        progress: called with (bytes read, Report so far) after each line.

    Raises:
        DomainError: file_unreadable, not_a_folder, disk_full.
    """
    files, report = import_files.find_files(evidence_dir), Report()
    importer = _Importer(camera, files, by)
    with _opened(path) as stream:
        for number, raw in enumerate(_lines(stream), start=1):
            if raw is None or raw.strip():
                report.lines += 1
                importer.take(number, raw, report)
            if progress:
                progress(stream.tell(), report)
    return report


def _opened(path):
    try:
        return Path(path).open("rb")
    except OSError as error:
        reason = error.strerror or str(error)
        raise DomainError("file_unreadable", f"{path} cannot be read: {reason}.") from error


def _lines(stream):
    """Yield each line, None for one that is too long to be read."""
    while raw := stream.readline(LONGEST_LINE):
        if len(raw) < LONGEST_LINE or raw.endswith(b"\n"):
            yield raw
            continue
        while raw and not raw.endswith(b"\n"):
            raw = stream.readline(LONGEST_LINE)
        yield None


class _Importer:
    """What stays the same from line to line."""

    def __init__(self, camera, files, by):
        self._camera, self._files, self._by = camera, files, by
        self._private = cameras.private_polygons(camera)
        self._deployment = deployments.of_imports()
        self._scanner = None

    def take(self, number, raw, report):
        """Import one line and note in the report what became of it."""
        try:
            if raw is None:
                raise wrong("line", f"This is longer than {LONGEST_LINE:,} bytes.")
            line = read_line(raw, time_zone=self._camera.site.time_zone)
            incident, is_new = self._incident(line)
        except DomainError as error:
            if error.code != "line_invalid":
                raise
            ((key, sentence),) = error.fields.items()
            report.refused.append((number, key, sentence))
            return
        item = self._item(incident)
        kept = report.imported if is_new else report.unchanged
        kept.append((number, line.incident_id, item.pk))

    def _incident(self, line):
        """Return the incident of a line, and whether it is new.

        Raises:
            DomainError: line_invalid, where its files are no good or its content is another one.
        """
        given = self._files.get(line.incident_id) or import_files.Given()
        sha256 = _digest(line, import_files.digest_of(given))
        found = self._found(line, sha256)
        if found:
            return found, False
        taken = import_files.take_files(
            given, site_id=self._camera.site_id, private_polygons=self._private
        )
        try:
            with transaction.atomic():
                return self._store(line, sha256, taken), True
        except IntegrityError:  # somebody else imports the same file
            import_files.forget(taken)
            found = self._found(line, sha256)
            if found is None:
                raise
            return found, False
        except BaseException:
            import_files.forget(taken)
            raise

    def _found(self, line, sha256):
        incident = Incident.objects.filter(
            camera=self._camera, footage__session=_session(line), origin=Incident.Origin.IMPORT
        ).select_related("footage")
        found = incident.first()
        if found and found.footage.sha256 != sha256:
            raise wrong(
                "incident_id", f"{line.incident_id} was imported before, with other content."
            )
        return found

    def _store(self, line, sha256, taken):
        """Store the rows of one incident; runs in a transaction."""
        footage = self._footage(line, sha256, taken)
        segment = Segment.objects.create(
            footage=footage,
            position=0,
            start_seconds=0.0,
            end_seconds=line.seconds,
            state=Segment.State.DONE,
            finished_at=timezone.now(),
        )
        incident = Incident.objects.create(
            camera=self._camera,
            footage=footage,
            segment=segment,
            deployment=self._deployment,
            key=_session(line),
            origin=Incident.Origin.IMPORT,
            state=Incident.State.CLOSED,
            category=line.category,
            severity=SEVERITY,
            class_name=line.class_name,
            why=line.reason or _sentence(line),
            opened_at_seconds=0.0,
            closed_at_seconds=line.seconds,
            close_reason="imported",
            opened_at=line.opened_at,
            closed_at=line.closed_at,
            peak_score=line.confidence,
            peak_at_seconds=line.seconds / 2,
            code_version=settings.CODE_VERSION,
            evidence_complete_at=timezone.now(),
        )
        _store_story(incident, line)
        Evidence.objects.bulk_create(_evidence(incident, one) for one in taken)
        detail = {"incident_id": line.incident_id, "sha256": sha256, "files": len(taken)}
        audit.record(
            "incident.imported", incident, actor=self._by, site=self._camera.site, detail=detail
        )
        return incident

    def _footage(self, line, sha256, taken):
        return Footage.objects.create(
            camera=self._camera,
            kind=Footage.Kind.IMPORT,
            session=_session(line),
            location=f"imported incident {line.incident_id}",
            sha256=sha256,
            byte_count=sum(one.byte_count for one in taken),
            width=taken[0].width,
            height=taken[0].height,
            duration_seconds=line.seconds,
            starts_at=line.opened_at,
            deployment=self._deployment,
            ended_at=timezone.now(),
        )

    def _item(self, incident):
        """Return the item of an incident, made and scanned if an import before was cut short."""
        found = TrainingItem.objects.filter(incident=incident).first()
        if found:
            return found
        if self._scanner is None:
            self._scanner = privacy.face_scanner()
        whole = conversion.waiting_incidents().filter(pk=incident.pk).first()
        if whole is None:  # a worker was faster
            return TrainingItem.objects.get(incident=incident)
        return conversion.convert(
            whole, collection_method=TrainingItem.Collection.IMPORT, scanner=self._scanner
        )[0]


def _session(line):
    return f"import:{line.incident_id}"


def _digest(line, files_sha256):
    """Return one hash for what a line says and for its files as they were given."""
    told = [line.incident_id, line.class_name, line.rules, line.zones, line.reason]
    told += [line.confidence, line.opened_at.isoformat(), line.closed_at.isoformat()]
    return hashlib.sha256(audit.canonical_json([told, files_sha256]).encode()).hexdigest()


def _sentence(line):
    where = f" in {', '.join(line.zones)}" if line.zones else ""
    what = line.category.replace("_", " ")
    return f"{line.class_name}: {what}{where} for {line.seconds:.0f} s"[:300]


def _store_story(incident, line):
    """Store the rule hits and the events of an imported incident."""
    zone = next(iter(line.zones), "")
    numbers = {"duration_seconds": line.seconds, "zone_presence": line.zones}
    RuleHit.objects.bulk_create(
        RuleHit(
            incident=incident,
            position=position,
            rule_name=name,
            kind=name[:40] if category == Incident.Category.UNKNOWN else category,
            zone=zone,
            opened_at_seconds=0.0,
            closed_at_seconds=line.seconds,
            why=incident.why,
            numbers=numbers,
        )
        for position, (name, category) in enumerate(line.rules, start=1)
    )
    times = ((IncidentEvent.Kind.OPENED, 0.0), (IncidentEvent.Kind.CLOSED, line.seconds))
    IncidentEvent.objects.bulk_create(
        IncidentEvent(incident=incident, position=position, kind=kind, at_seconds=at_seconds)
        for position, (kind, at_seconds) in enumerate(times)
    )


def _evidence(incident, taken):
    at_seconds = incident.closed_at_seconds * taken.share
    is_clip = taken.kind == Evidence.Kind.CLIP
    return Evidence(
        incident=incident,
        kind=taken.kind,
        position=taken.position,
        at_seconds=at_seconds,
        end_seconds=taken.seconds if is_clip else None,
        path=taken.path,
        sha256=taken.sha256,
        original_sha256=taken.sha256,
        byte_count=taken.byte_count,
        width=taken.width,
        height=taken.height,
    )
