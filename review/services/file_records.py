"""Items with their files and with what is on record of these, read at once for many items."""

from collections import defaultdict

from django.db.models import Q

from detection.models import Evidence
from review.models import PrivacyScan, Redaction
from review.privacy.regions import Region
from review.services.scanning import needed_detectors


class ItemFiles:
    """The files of some items, as they are in the database now.

    Args:
        items: TrainingItems.

    Attributes:
        items: the items by id.
    """

    def __init__(self, items):
        self.items = {item.pk: item for item in items}
        incidents = [item.incident_id for item in self.items.values() if item.incident_id]
        photos = [item.photo_id for item in self.items.values() if item.photo_id]
        owned = Q(incident__in=incidents) | Q(photo__in=photos)
        rows = Evidence.objects.filter(owned).defer("observations")
        self._files = defaultdict(list)
        for row in rows.order_by("at_seconds", "kind", "pk"):
            self._files[row.incident_id, row.photo_id].append(row)
        self.records = FileRecords(row for files in self._files.values() for row in files)

    def of(self, item):
        """Return the evidence rows of an item by time."""
        owner = (None, item.photo_id) if item.photo_id else (item.incident_id, None)
        return self._files[owner]


class FileRecords:
    """The redactions and scans on which rests that files may be shown.

    Args:
        evidence: rows of Evidence.
    """

    def __init__(self, evidence):
        pks = [row.pk for row in evidence]
        applied = Redaction.objects.filter(evidence__in=pks, state=Redaction.State.APPLIED)
        self._applied, self._scans = {}, defaultdict(list)
        for redaction in applied.select_related("scan").order_by("pk"):
            self._applied.setdefault((redaction.evidence_id, redaction.sha256), redaction)
        for scan in PrivacyScan.objects.filter(evidence__in=pks).order_by("pk"):
            self._scans[scan.evidence_id].append(scan)

    def is_private(self, evidence):
        """Say whether the file's present content was scanned clear, or redacted and verified."""
        if self._redaction(evidence):
            return True
        of_content = [
            scan for scan in self._scans[evidence.pk] if scan.file_sha256 == evidence.sha256
        ]
        return bool(of_content) and of_content[-1].result == PrivacyScan.Result.CLEAR

    def regions(self, evidence):
        """Return the Regions that are hidden in the file's present content."""
        redaction = self._redaction(evidence)
        return [Region.from_dict(values) for values in redaction.regions] if redaction else []

    def needed(self, evidence):
        """Return without which detectors another look would be weaker than the first."""
        redaction, scans = self._redaction(evidence), self._scans[evidence.pk]
        scan = redaction.scan if redaction else scans[-1] if scans else None
        return needed_detectors(scan) if scan else ()

    def _redaction(self, evidence):
        return self._applied.get((evidence.pk, evidence.sha256))
