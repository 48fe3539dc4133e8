"""Which detectors looked at a file when it was found fit to be shown.

No later look may have fewer: a model that is missing by then would find less, and call it clear.
"""

from django.db.models import F

from detection.models import Evidence
from review.models import PrivacyScan, Redaction
from review.services.scanning import needed_detectors


def first_scan(evidence_id, sha256):
    """Return the PrivacyScan on which rests that a file may be shown, None where there is none."""
    applied = Redaction.objects.filter(
        evidence=evidence_id, state=Redaction.State.APPLIED, sha256=sha256
    )
    redaction = applied.select_related("scan").first()
    if redaction is not None:
        return redaction.scan
    return PrivacyScan.objects.filter(evidence=evidence_id).order_by("-pk").first()


def needed_for(evidence_id, sha256):
    """Return without which detectors another look at a file would be weaker than the first."""
    scan = first_scan(evidence_id, sha256)
    return needed_detectors(scan) if scan else ()


class NeededByContent:
    """Tells the same of a file that only its hash is known of; nothing of a stranger's."""

    def __init__(self):
        self._former = None

    def __call__(self, sha256):
        shown = Evidence.objects.filter(sha256=sha256).values_list("pk", flat=True)
        needed = {name for pk in shown for name in needed_for(pk, sha256)}
        if not shown:
            if self._former is None:
                self._former = _scans_of_former_files()
            needed.update(self._former.get(sha256, ()))
        return tuple(sorted(needed))


def _scans_of_former_files():
    """Return {sha256: detectors} of files that were fit to be shown once and are replaced now."""
    found = {}
    scans = PrivacyScan.objects.filter(result=PrivacyScan.Result.CLEAR)
    for scan in scans.exclude(file_sha256=F("evidence__sha256")).only("file_sha256", "detectors"):
        found[scan.file_sha256] = needed_detectors(scan)
    redactions = Redaction.objects.filter(applied_at__isnull=False).select_related("scan")
    for one in redactions.exclude(sha256=F("evidence__sha256")).exclude(sha256=""):
        found[one.sha256] = needed_detectors(one.scan)
    return found
