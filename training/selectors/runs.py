"""Which exports a person may see or ask for, and which items one would hold."""

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import BooleanField, Count, ExpressionWrapper, Q

from detection.models import Deployment
from hitlsite.errors import Forbidden, NotFound
from hitlsite.models import AuditHead, Site
from review.models import TrainingItem
from review.selectors import trainable_items
from training.models import ExportRun

_PRIVATE = (TrainingItem.Privacy.CLEAR, TrainingItem.Privacy.REDACTED)
SEE, MAKE = "training.view_exportrun", "training.add_exportrun"
CHUNK = 1000


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
    ready = _countable(
        TrainingItem.objects.filter(
            site__in=sites(user), status=TrainingItem.Status.CONFIRMED, privacy__in=_PRIVATE
        )
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
    """Return the items that an export's filters ask for and that may be in one, by id.

    They are confirmed and private. Of near-duplicates only the one that stands for them counts;
    a gold item measures reviewers and teaches nothing.
    """
    return _countable(_filtered(trainable_items(site), site, filters)).order_by("pk")


def _countable(items):
    return items.filter(represented_by__isnull=True).exclude(mode=TrainingItem.Mode.GOLD)


def _filtered(items, site, filters):
    if filters.get("items"):
        items = items.filter(pk__in=filters["items"])
    if filters.get("camera"):
        items = items.filter(camera=filters["camera"])
    if filters.get("category"):
        items = items.filter(category=filters["category"])
    if filters.get("since"):
        begins = _midnight(site, filters["since"])
        items = items.filter(Q(incident__opened_at__gte=begins) | Q(photo__captured_at__gte=begins))
    if filters.get("until"):
        ends = _midnight(site, filters["until"], days=1)
        items = items.filter(Q(incident__opened_at__lt=ends) | Q(photo__captured_at__lt=ends))
    return items


def _midnight(site, day, *, days=0):
    """Return when a day begins at the site."""
    begins = date.fromisoformat(day) + timedelta(days=days)
    return datetime.combine(begins, time.min, tzinfo=ZoneInfo(site.time_zone))


def left_out_by_status(site, filters):
    """Return how many items of each reason are not even looked into."""
    represented = ExpressionWrapper(Q(represented_by__isnull=False), BooleanField())
    rows = (
        looked_at(site, filters)
        .order_by()
        .annotate(is_represented=represented)
        .values("status", "privacy", "mode", "is_represented")
        .annotate(total=Count("pk"))
    )
    reasons = defaultdict(int)
    for row in rows:
        reason = _reason(row)
        if reason:
            reasons[reason] += row["total"]
    return dict(reasons)


def _reason(row):
    if row["mode"] == TrainingItem.Mode.GOLD:
        return "gold_item"
    if row["status"] != TrainingItem.Status.CONFIRMED:
        return f"not_confirmed:{row['status']}"
    if row["is_represented"]:
        return "near_duplicate"
    return "" if row["privacy"] in _PRIVATE else "not_private"


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


def exactly(field, pks):
    """Return a filter for the rows of these rising ids: a range where they have no gaps."""
    if pks and pks[-1] - pks[0] + 1 == len(pks):
        return {f"{field}__gte": pks[0], f"{field}__lte": pks[-1]}
    return {f"{field}__in": pks}


def moved_since(versions):
    """Return the ids of those items that are no longer as they were exported.

    Args:
        versions: {item id: version}.
    """
    pks, unmoved = sorted(versions), set()
    for start in range(0, len(pks), CHUNK):
        # In the order in which a batch of verdicts holds them, or each waits for the other.
        held = TrainingItem.objects.select_for_update(no_key=True).order_by("pk")
        rows = held.filter(
            **exactly("pk", pks[start : start + CHUNK]), status=TrainingItem.Status.CONFIRMED
        )
        unmoved.update(
            pk for pk, version in rows.values_list("pk", "version") if versions.get(pk) == version
        )
    return sorted(set(pks) - unmoved)
