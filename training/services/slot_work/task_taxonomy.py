"""The classes of a dataset of windows: those of its label set, each in the place it had.

Two label sets are two questions. So the classes before are those of the last dataset of the same
label set, and a label that was renamed since keeps its place under its new name.
"""

from detection.slots import TASK_CLASSIFIER
from hitlsite.models import AuditDetail
from training.models import Dataset, LabelSet

RENAMED = "label_changed"  # as the audit log has it


def before(label_set_id) -> Dataset | None:
    """Return the last finished dataset of a label set, of no label set for None."""
    done = Dataset.objects.filter(slot=TASK_CLASSIFIER, state=Dataset.State.DONE)
    return done.filter(options__label_set=label_set_id or 0).order_by("-number").first()


def of(label_set, names) -> list[dict]:
    """Return the taxonomy of a dataset with these classes: the old places first, then new ones.

    New ones follow in the order of the label set.
    """
    last = before(label_set.pk if label_set else None)
    rows = [dict(row) for row in last.taxonomy] if last else []
    if label_set is not None and last is not None:
        _rename(rows, _renames(label_set, last.created_at))
    known = {row["name"] for row in rows}
    order = label_set.label_names if label_set else []
    fresh = [name for name in order if name in names and name not in known]
    fresh += sorted(set(names) - known - set(fresh))
    return rows + [{"name": name, "former": [], "label_classes": []} for name in fresh]


def _renames(label_set, since):
    """Return (from, to) of labels renamed since then, the earliest first."""
    details = AuditDetail.objects.filter(
        entry__action=RENAMED,
        entry__object_type=LabelSet._meta.label_lower,
        entry__object_id=str(label_set.pk),
        entry__at__gte=since,
    )
    told = [detail.content for detail in details.order_by("entry__sequence") if detail.content]
    return [(one["from"], one["to"]) for one in told if one["from"] != one["to"]]


def _rename(rows, renames):
    for old, new in renames:
        by_name = {row["name"]: row for row in rows}
        if old in by_name and new not in by_name:
            row = by_name[old]
            row["former"] = [*row["former"], old]
            row["name"] = new
