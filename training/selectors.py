"""Which exports a person may see, and the rows that an export is made from.

Rows are read as plain values, a few hundred items at a time: an export of 25,000 items then costs
neither their memory nor the time to build their model instances.
"""

import json
from collections import defaultdict
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, TextField
from django.db.models.functions import Cast

from detection.models import Deployment, Evidence, RuleHit
from hitlsite.errors import Forbidden, NotFound
from hitlsite.models import AuditHead, Site
from review.models import Decision, Redaction, TrainingItem
from review.selectors import trainable_items
from training.models import ExportRun

CHUNK = 500
_PRIVATE = (TrainingItem.Privacy.CLEAR, TrainingItem.Privacy.REDACTED)
SEE, MAKE = "training.view_exportrun", "training.add_exportrun"
_ITEM_COLUMNS = {
    "id": "id",
    "version": "version",
    "category": "category",
    "proposed_category": "proposed_category",
    "collection_method": "collection_method",
    "privacy": "privacy",
    "camera": "camera__name",
    "incident": "incident_id",
    "key": "incident__key",
    "class_name": "incident__class_name",
    "why": "incident__why",
    "peak_score": "incident__peak_score",
    "opened": "incident__opened_at_seconds",
    "closed": "incident__closed_at_seconds",
    "code_version": "incident__code_version",
    "footage": "incident__footage_id",
    "footage_sha256": "incident__footage__sha256",
    "deployment": "incident__deployment_id",
}
_EVIDENCE_COLUMNS = (
    "id",
    "incident_id",
    "kind",
    "at_seconds",
    "path",
    "sha256",
    "observations",
)


def export_runs(user):
    """Return the exports that ``user`` may see, the newest first.

    Raises:
        Forbidden: the user is no admin.
    """
    if not user.has_perm(SEE):
        raise Forbidden("Only admins see exports.")
    return ExportRun.objects.visible_to(user).select_related("site", "created_by")


def export_run(user, pk):
    """Return one export; a foreign site's does not exist, whatever the asker's role.

    Raises:
        NotFound, Forbidden
    """
    found = ExportRun.objects.visible_to(user).select_related("site", "created_by")
    run = found.filter(pk=pk).first()
    if run is None:
        raise NotFound(f"There is no export {pk}.")
    if not user.has_perm(SEE):
        raise Forbidden("Only admins see exports.")
    return run


def sites(user):
    """Return the sites that ``user`` may export from, by name."""
    return Site.objects.visible_to(user)


def readiness(user):
    """Return (site, items that could be exported now, how many it takes) for each site."""
    ready = TrainingItem.objects.filter(
        site__in=sites(user), status=TrainingItem.Status.CONFIRMED, privacy__in=_PRIVATE
    )
    rows = ready.order_by().values_list("site").annotate(total=Count("pk"))
    totals, least = dict(rows), settings.MIN_CONFIRMED
    return [(site, totals.get(site.pk, 0), least) for site in sites(user)]


def site_for(user, pk=None):
    """Return a site that ``user`` may export from; without ``pk`` the only one there is.

    Raises:
        NotFound: no such site for this user, or several to choose from.
    """
    if pk is not None:
        site = sites(user).filter(pk=pk).first()
        if site is None:
            raise NotFound(f"There is no site {pk}.", fields={"site": "No such site."})
        return site
    found = list(sites(user)[:2])
    if len(found) != 1:
        raise NotFound("Name the site to export from.", fields={"site": "This is needed."})
    return found[0]


def site_named(name=None):
    """Return the site of an operator's command: by name, or the only one there is.

    Raises:
        NotFound: no such site, or several to choose from; the message names them.
    """
    names = list(Site.objects.values_list("name", flat=True))
    if name is None and len(names) == 1:
        name = names[0]
    if name not in names:
        asked = f"There is no site {name!r}" if name else "There is no one site"
        raise NotFound(f"{asked}; the sites are: {', '.join(names) or 'none'}.")
    return Site.objects.get(name=name)


def looked_at(site, filters):
    """Return the items of a site that an export's filters ask for, whatever their status."""
    return _filtered(TrainingItem.objects.filter(site=site), site, filters)


def exportable(site, filters):
    """Return the confirmed and private items that an export's filters ask for, by id."""
    return _filtered(trainable_items(site), site, filters).order_by("pk")


def _filtered(items, site, filters):
    if filters.get("items"):
        items = items.filter(pk__in=filters["items"])
    if filters.get("camera"):
        items = items.filter(camera=filters["camera"])
    if filters.get("category"):
        items = items.filter(category=filters["category"])
    if filters.get("since"):
        items = items.filter(incident__opened_at__gte=_midnight(site, filters["since"]))
    if filters.get("until"):
        items = items.filter(incident__opened_at__lt=_midnight(site, filters["until"], days=1))
    return items


def _midnight(site, day, *, days=0):
    """Return when a day begins at the site."""
    begins = date.fromisoformat(day) + timedelta(days=days)
    return datetime.combine(begins, time.min, tzinfo=ZoneInfo(site.time_zone))


def left_out_by_status(site, filters):
    """Return how many items of each reason are not even looked into: not confirmed, not private."""
    items = looked_at(site, filters)
    rows = items.order_by().values("status", "privacy").annotate(total=Count("pk"))
    reasons = defaultdict(int)
    for row in rows:
        if row["status"] != TrainingItem.Status.CONFIRMED:
            reasons[f"not_confirmed:{row['status']}"] += row["total"]
        elif row["privacy"] not in _PRIVATE:
            reasons["not_private"] += row["total"]
    return dict(reasons)


def item_rows(pks):
    """Yield what an export needs of each item, in the order of ``pks``, as dicts.

    Each holds the columns above, ``evidence`` (rows by time, clips included), ``hits`` (rule,
    kind, zone), ``decision`` (id and reviewer of the confirmation, or None), and ``redactions`` by
    evidence id (sha256, method, regions as JSON text).
    """
    for start in range(0, len(pks), CHUNK):
        yield from _chunk(pks[start : start + CHUNK])


def _among(field, pks):
    """Return a filter for at least the rows of these ids.

    Where they lie close together it is a range, which takes in what lies between: that costs less
    than hundreds of parameters.
    """
    if pks and max(pks) - min(pks) < 2 * len(pks):
        return {f"{field}__gte": min(pks), f"{field}__lte": max(pks)}
    return {f"{field}__in": pks}


def _chunk(pks):
    columns = tuple(_ITEM_COLUMNS)
    wanted = set(pks)
    values = TrainingItem.objects.filter(**_among("pk", pks)).order_by("pk")
    rows = [
        dict(zip(columns, row, strict=True))
        for row in values.values_list(*_ITEM_COLUMNS.values())
        if row[0] in wanted
    ]
    incidents = [row["incident"] for row in rows if row["incident"]]
    evidence, hits = _evidence(incidents), _hits(incidents)
    decisions, redactions = _decisions(pks), _redactions(pks)
    for row in rows:
        row["evidence"] = evidence.get(row["incident"], [])
        row["hits"] = hits.get(row["incident"], [])
        row["decision"] = decisions.get(row["id"])
        row["redactions"] = redactions.get(row["id"], {})
        yield row


def _evidence(incidents):
    found = defaultdict(list)
    rows = Evidence.objects.filter(**_among("incident", incidents)).order_by(
        "at_seconds", "kind", "pk"
    )
    for values in rows.values_list(*_EVIDENCE_COLUMNS):
        row = dict(zip(_EVIDENCE_COLUMNS, values, strict=True))
        found[row["incident_id"]].append(row)
    return found


def _hits(incidents):
    found = defaultdict(list)
    rows = RuleHit.objects.filter(**_among("incident", incidents)).order_by("position")
    for incident, name, kind, zone in rows.values_list("incident", "rule_name", "kind", "zone"):
        found[incident].append((name, kind, zone))
    return found


def _decisions(pks):
    """Return the last confirmation in force of each item."""
    rows = _confirmations(pks).values_list("item_id", "pk", "reviewer__username")
    return {item: (pk, reviewer) for item, pk, reviewer in rows}


def _confirmations(pks):
    return Decision.objects.filter(
        **_among("item", pks),
        verdict=Decision.Verdict.CONFIRMED,
        effect=Decision.Effect.APPLIED,
        undone_by__isnull=True,
    ).order_by("pk")


def _redactions(pks):
    found = defaultdict(dict)
    rows = Redaction.objects.filter(**_among("item", pks), state=Redaction.State.APPLIED)
    rows = rows.annotate(regions_text=Cast("regions", TextField()))
    columns = ("item_id", "evidence_id", "sha256", "method", "regions_text")
    for item, evidence, sha256, method, regions in rows.values_list(*columns):
        found[item][evidence] = (sha256, method, regions)
    return found


def corrected_boxes(pks):
    """Return {sha256 of a still: boxes} of what people drew when they confirmed.

    A box that names no file is about the still at peak score; one without a class is of the
    incident's class. Of two corrections of one picture the later item's counts.
    """
    found = {}
    for start in range(0, len(pks), CHUNK):
        drawn = _drawn(pks[start : start + CHUNK])
        stills = _stills(drawn)
        for item in sorted(drawn):
            found |= _boxes_by_picture(stills[item], *drawn[item])
    return found


def _drawn(pks):
    """Return {item id: (class name, boxes)} of the last confirmations, where they drew any."""
    wanted = set(pks)
    # Most draw none: as text that is seen without decoding.
    rows = _confirmations(pks).annotate(boxes_text=Cast("boxes", TextField()))
    columns = ("item_id", "item__incident__class_name", "boxes_text")
    last = {item: (name, text) for item, name, text in rows.values_list(*columns)}
    return {
        item: (name, json.loads(text))
        for item, (name, text) in last.items()
        if text != "[]" and item in wanted
    }


def _stills(pks):
    found = defaultdict(list)
    rows = Evidence.objects.filter(incident__item__in=pks).exclude(kind=Evidence.Kind.CLIP)
    columns = ("incident__item", "pk", "kind", "sha256")
    for item, *still in rows.order_by("at_seconds", "kind").values_list(*columns):
        found[item].append(still)
    return found


def _boxes_by_picture(stills, class_name, boxes):
    if not stills:
        return {}
    by_id = {pk: sha256 for pk, _, sha256 in stills}
    by_kind = {kind: sha256 for _, kind, sha256 in reversed(stills)}
    by_id[None] = by_kind.get(Evidence.Kind.FRAME_PEAK, stills[0][2])
    found = defaultdict(list)
    for box in boxes:
        sha256 = by_id.get(box.get("evidence"))
        if sha256:
            name = box.get("class_name") or class_name
            found[sha256].append({"class_name": name, "box_xyxy": box["box_xyxy"]})
    return dict(found)


def deployments(pks):
    """Return what is known of deployments, by id: dicts without anything of this machine."""
    columns = ("id", "slot", "name", "sha256", "backend", "input_size", "precision")
    return list(Deployment.objects.filter(pk__in=pks).order_by("pk").values(*columns))


def audit_head():
    """Return where the audit chain stands now."""
    head = AuditHead.objects.filter(pk=1).first()
    return (
        {"sequence": head.sequence, "sha256": head.sha256}
        if head
        else {"sequence": 0, "sha256": ""}
    )


def moved_since(versions):
    """Return the ids of those items that are no longer as they were exported.

    Args:
        versions: {item id: version}.
    """
    pks, unmoved = list(versions), set()
    for start in range(0, len(pks), CHUNK):
        rows = TrainingItem.objects.select_for_update().filter(
            pk__in=pks[start : start + CHUNK], status=TrainingItem.Status.CONFIRMED
        )
        unmoved.update(
            pk for pk, version in rows.values_list("pk", "version") if versions.get(pk) == version
        )
    return sorted(set(pks) - unmoved)
