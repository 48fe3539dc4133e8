"""Turn every closed incident into exactly one training item, with its provenance.

Review pulls: it asks detection for what is ready, so that nothing which goes wrong here disturbs
ingestion. Whatever fails is found again by the next run.
"""

import logging
from dataclasses import dataclass, field

from django.db import transaction

from detection.models import Incident
from detection.selectors import incidents_ready
from hitlsite import audit
from review.models import TrainingItem
from review.ranking import priority
from review.services import blind, filmstrips, privacy, stacks, tallies

logger = logging.getLogger(__name__)


@dataclass
class ConversionReport:
    """What one run did: the items it made or scanned again, and what failed."""

    converted: list[TrainingItem] = field(default_factory=list)
    rescanned: list[TrainingItem] = field(default_factory=list)
    failed: list[tuple[int, str]] = field(default_factory=list)


def waiting_incidents():
    """Return closed incidents that have no item yet, oldest first."""
    return (
        incidents_ready()
        .filter(item__isnull=True)
        .select_related("camera__site", "footage", "deployment")
        .prefetch_related("rule_hits", "evidence")
    )


def convert_ready(*, limit=100, progress=None):
    """Convert up to ``limit`` incidents, and scan again what could not be scanned before.

    Args:
        progress: called with the number of incidents done so far after each.
    """
    report = ConversionReport()
    for pk in list(waiting_incidents().values_list("pk", flat=True)):
        if len(report.converted) >= limit:
            break
        try:
            item, is_new = convert(waiting_incidents().get(pk=pk))
        except Incident.DoesNotExist:
            continue  # another worker was faster
        except Exception as error:  # one incident must not keep the others from being converted
            logger.exception("Incident %d could not be converted.", pk)
            report.failed.append((pk, f"{type(error).__name__}: {error}"))
            continue
        if is_new:
            report.converted.append(item)
        if progress:
            progress(len(report.converted) + len(report.failed))
    made = {item.pk for item in report.converted}
    for item in privacy.items_to_rescan().exclude(pk__in=made)[:limit]:
        privacy.scan_item(item)
        report.rescanned.append(item)
    return report


def convert(incident, *, collection_method=TrainingItem.Collection.AUTOMATIC, scanner=None):
    """Return the training item of a closed incident, scanned for faces, and whether it is new.

    A scan that fails leaves the item there with privacy "failed".
    """
    if incident.origin == Incident.Origin.IMPORT:  # whoever converts it, now or after a crash
        collection_method = TrainingItem.Collection.IMPORT
    with transaction.atomic():
        site = incident.camera.site
        item, is_new = TrainingItem.objects.get_or_create(
            incident=incident,
            defaults={
                "site": site,
                "camera": incident.camera,
                "mode": blind.mode_of(incident),
                "category": incident.category,
                "proposed_category": incident.category,
                "collection_method": collection_method,
                "severity": incident.severity,
                "priority": priority(
                    incident.severity,
                    incident.peak_score,
                    threshold=incident.deployment.threshold,
                ),
                "provenance": provenance(incident),
            },
        )
        if is_new:
            tallies.added(item)
            stacks.assign(item)
            detail = {"incident": incident.pk, "collection_method": str(collection_method)}
            audit.record("item_created", item, site=site, detail=detail)
    if is_new:
        privacy.scan_item(item, scanner=scanner)
        filmstrips.prepare(item)
    return item, is_new


def provenance(incident):
    """Return where an incident comes from, as plain JSON that stays true when rows change."""
    camera, footage = incident.camera, incident.footage
    return {
        "site": {"id": camera.site_id, "name": camera.site.name},
        "camera": {"id": camera.pk, "name": camera.name},
        "footage": {
            "id": footage.pk,
            "kind": footage.kind,
            "session": footage.session,
            "sha256": footage.sha256,
        },
        "times": {
            "opened_at": incident.opened_at.isoformat(),
            "closed_at": incident.closed_at.isoformat() if incident.closed_at else None,
            "opened_at_seconds": incident.opened_at_seconds,
            "closed_at_seconds": incident.closed_at_seconds,
            "close_reason": incident.close_reason,
        },
        "class_name": incident.class_name,
        "peak_score": incident.peak_score,
        "peak_at_seconds": incident.peak_at_seconds,
        "track_ids": incident.track_ids,
        "rules": [_rule(hit) for hit in incident.rule_hits.all()],
        "deployment": _deployment(incident.deployment),
        "code_version": incident.code_version,
        **_chance(incident),
        "evidence": [
            {"id": row.pk, "kind": row.kind, "sha256": row.sha256}
            for row in incident.evidence.all()
        ],
    }


def _chance(incident):
    """Say of a sample what it is a sample of, and how likely it was to be drawn."""
    if not incident.is_sampled:
        return {}
    return {"sampled": incident.origin, "inclusion_probability": incident.inclusion_probability}


def _rule(hit):
    return {
        "name": hit.rule_name,
        "kind": hit.kind,
        "zone": hit.zone,
        "opened_at_seconds": hit.opened_at_seconds,
        "closed_at_seconds": hit.closed_at_seconds,
        "why": hit.why,
        "numbers": hit.numbers,
        "parameters": hit.parameters,
    }


def _deployment(deployment):
    names = ("name", "sha256", "backend", "input_size", "precision", "threshold")
    return {"id": deployment.pk, **{name: getattr(deployment, name) for name in names}}
