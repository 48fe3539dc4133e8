"""Which datasets a person may see, and what stands on their pages."""

from django.db.models import F

from hitlsite.bounds import as_id
from hitlsite.errors import Forbidden, NotFound
from hitlsite.models import AuditDetail, Site
from training.models import Dataset, DatasetEntry, FeatureSet

SEE, ADD = "training.view_dataset", "training.add_dataset"
ENTRIES_A_PAGE = 48


def datasets(user):
    """Return the datasets that ``user`` may see, the newest first.

    Raises:
        Forbidden
    """
    if not user.has_perm(SEE):
        raise Forbidden("Only supervisors and admins see datasets.")
    shown = Dataset.objects.visible_to(user).select_related("created_by", "previous")
    return shown.prefetch_related("sites").defer("counts").order_by("-pk")


def dataset(user, pk):
    """Return one dataset; a foreign site's does not exist, whatever the asker's role.

    A freeze that found nothing new has left no row: the dataset that it found is returned.

    Raises:
        NotFound, Forbidden
    """
    shown = Dataset.objects.visible_to(user).select_related("created_by", "previous")
    found = shown.filter(pk=as_id(pk)).first() or shown.filter(pk=_same_as(pk)).first()
    if found is None:
        raise NotFound(f"There is no dataset {str(pk)[:20]}.")
    if not user.has_perm(SEE):
        raise Forbidden("Only supervisors and admins see datasets.")
    return found


def _same_as(pk):
    """Return the id of the dataset that a freeze without anything new found, or None."""
    told = AuditDetail.objects.filter(
        entry__action="dataset.unchanged",
        entry__object_type=Dataset._meta.label_lower,
        entry__object_id=str(as_id(pk)),
    ).first()
    return told.content.get("same_as") if told and told.content else None


def sites(user):
    """Return the sites that ``user`` may freeze from, by name."""
    return Site.objects.visible_to(user)


def sites_named(names):
    """Return the sites of an operator's command by name, all where none is named.

    Raises:
        NotFound: the message names the sites there are.
    """
    known = {site.name: site for site in Site.objects.all()}
    for name in names or ():
        if name not in known:
            there = ", ".join(known) or "none"
            raise NotFound(f"There is no site {name!r}; the sites are: {there}.")
    return [known[name] for name in dict.fromkeys(names)] if names else None


def features_with(sha256, site):
    """Return the finished features of a site whose file has this hash, None without.

    Those of a video that is here come before the same from elsewhere.
    """
    done = FeatureSet.objects.filter(site=site, sha256=sha256, state=FeatureSet.State.DONE)
    return done.order_by(F("footage").asc(nulls_last=True), "-pk").first()


def entries(dataset, *, split="", class_name="", page=1):
    """Return (entries of one page, the number of pages) of a dataset.

    Args:
        split: one of DatasetEntry.Split, "" for all.
        class_name: only what shows this class; "none" for what shows none.
    """
    found = dataset.entries.select_related("camera", "item", "sample", "feature_set").order_by(
        "position"
    )
    found = found.select_related("evidence__incident__camera", "evidence__photo__camera")
    if split in DatasetEntry.Split.values:
        found = found.filter(split=split)
    if class_name:
        found = found.filter(position__in=_positions(found, class_name))
    total = found.count()
    pages = max(1, -(-total // ENTRIES_A_PAGE))
    first = (min(max(page, 1), pages) - 1) * ENTRIES_A_PAGE
    return list(found[first : first + ENTRIES_A_PAGE]), pages


def _positions(found, class_name):
    """Return the positions of entries with a class; a label is no column to search by."""
    rows = found.select_related(None).values_list("position", "label")
    return [at for at, label in rows.iterator(chunk_size=2000) if class_name in shown_in(label)]


def shown_in(label):
    """Return the classes of an entry's label, {"none"} for a picture without any."""
    if "boxes" in label:
        return {box[0] for box in label["boxes"]} or {"none"}
    return {label.get("label") or "none"}
