"""Write a gathered dataset: its manifest as a file, everything else in one transaction."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from detection.models import Evidence
from hitlsite import audit, jobs, storage
from hitlsite.errors import DomainError
from review.models import TrainingItem
from training.models import Dataset, DatasetEntry, GroupSplit
from training.services import slot_work

CHUNK = 500
SUFFIX = ".jsonl"
MOVED = "items_moved"
_PINS_MOVED = "groups_moved"
_MOVED_SENTENCE = "Other freezes of this slot came between, again and again."
_DECIDED = (TrainingItem.Status.CONFIRMED, TrainingItem.Status.REJECTED)
_COLUMNS = (
    *("sha256", "group", "origin", "label", "path", "item_id", "evidence_id", "sample_id"),
    "feature_set_id",
    *("site_id", "camera_id", "captured_at", "is_night", "phash"),
)


class Moved(DomainError):
    """Another freeze gave splits to some of the same groups first."""


class Same(Exception):
    """An earlier dataset has this very content."""

    def __init__(self, dataset):
        super().__init__(str(dataset))
        self.dataset = dataset


def last(slot):
    """Return the newest finished dataset of a slot, or None."""
    finished = Dataset.objects.filter(slot=slot, state=Dataset.State.DONE)
    return finished.order_by("-number").first()


def store(dataset, gathered, sites, report):
    """Split what was gathered and make the dataset whole.

    Raises:
        Same: nothing is new; the row is deleted.
        Moved: to be done again with the splits that another freeze gave.
        LeaseLost; DomainError: as ``dataset_drafts.draft``, disk_full, items_moved.
    """
    from training.learning import manifest
    from training.services.dataset_drafts import draft

    report.stage("splitting")
    pinned = dict(GroupSplit.objects.filter(slot=dataset.slot).values_list("group", "split"))
    made = draft(dataset.slot, gathered, pinned, dataset.options)
    header = {
        "slot": dataset.slot,
        "sites": [site.pk for site in sites],
        "taxonomy": made.taxonomy,
    }
    content = manifest.content_of(header, made.entries)
    places = {row["name"]: place for place, row in enumerate(made.taxonomy)}
    test_sha256 = manifest.sha256_of_test(made.entries, places)
    report.stage("writing")
    path, sha256 = _kept(content)
    previous = last(dataset.slot)
    columns = {
        "taxonomy": made.taxonomy,
        "counts": _counted(dataset, gathered, made, previous),
        "manifest_path": path,
        "manifest_sha256": sha256,
        "test_sha256": test_sha256,
        "test_revision": _revision(dataset.slot, test_sha256),
        "previous": previous,
        "progress_done": len(made.rows),
        "progress_total": len(made.rows),
        "progress_message": "",
    }
    try:
        with transaction.atomic():
            same = _equal(dataset, sha256)
            if same is None:
                _finish(dataset, made, columns)
            else:
                _drop(dataset, same, columns["counts"])
    except IntegrityError as error:
        raise Moved(_PINS_MOVED, _MOVED_SENTENCE) from error
    if same is not None:
        raise Same(same)


def _counted(dataset, gathered, made, previous):
    """Return Dataset.counts, with what the slot tells besides."""
    from training.services.dataset_counts import counts

    told = counts(made, previous, dataset.options)
    describe = getattr(slot_work.of(dataset.slot), "describe", None)
    if describe is None:
        return told
    more, warnings = describe(gathered, made, dataset.options)
    return told | more | {"warnings": [*told["warnings"], *warnings]}


def _finish(dataset, made, columns):
    """Store entries, pins and the end of the row; runs in a transaction.

    Items are held before the audit chain, as verdicts hold them.
    """
    _use(made)
    GroupSplit.objects.bulk_create(
        GroupSplit(slot=dataset.slot, group=group, split=split)
        for group, split in sorted(made.new_pins.items())
    )
    DatasetEntry.objects.bulk_create(
        (
            DatasetEntry(
                dataset=dataset,
                position=position,
                split=split,
                **{name: getattr(candidate, name) for name in _COLUMNS},
            )
            for position, (split, candidate) in enumerate(made.rows)
        ),
        batch_size=CHUNK,
    )
    audit.hold()
    if last(dataset.slot) != columns["previous"]:
        raise Moved(_PINS_MOVED, _MOVED_SENTENCE)
    jobs.finish(dataset, **columns)
    detail = {
        "dataset": str(dataset),
        "manifest_sha256": columns["manifest_sha256"],
        "test_revision": columns["test_revision"],
        "by_split": columns["counts"]["by_split"],
    }
    audit.record("dataset.frozen", dataset, actor=dataset.created_by, detail=detail)


def _use(made):
    """Say on the items that they are used; refuse where a file changed since it was read."""
    files = {one.evidence_id: one.sha256 for _, one in made.rows if one.evidence_id}
    items = sorted({one.item_id for _, one in made.rows if one.item_id})
    now = timezone.now()
    for first in range(0, len(items), CHUNK):
        part = items[first : first + CHUNK]
        held = TrainingItem.objects.select_for_update(no_key=True).filter(pk__in=part)
        rows = held.order_by("pk").values_list("pk", "status", "used_at")
        unused = [pk for pk, status, used_at in rows if status in _DECIDED and used_at is None]
        TrainingItem.objects.filter(pk__in=unused).update(used_at=now)
    pks = sorted(files)
    for first in range(0, len(pks), CHUNK):
        part = pks[first : first + CHUNK]
        stored = dict(Evidence.objects.filter(pk__in=part).values_list("pk", "sha256"))
        changed = [pk for pk in part if stored.get(pk) != files[pk]]
        if changed:
            message = f"{len(changed)} files changed while the dataset was being frozen."
            raise DomainError(MOVED, message, status=409)


def _drop(dataset, same, counts):
    """Delete a row whose content an earlier dataset has; that one says what was left out now."""
    jobs.heartbeat(dataset)
    now = {name: counts[name] for name in ("left_out", "copies", "caps")}
    same.counts["again"] = {"at": timezone.now().isoformat(), **now}
    same.save(update_fields=["counts"])
    detail = {"dataset": str(dataset), "same_as": same.pk}
    audit.record("dataset.unchanged", dataset, actor=dataset.created_by, detail=detail)
    dataset.delete()


def _kept(content):
    """Store a manifest under its content's name and return (name, sha256)."""
    scratch = storage.scratch_path(SUFFIX)
    try:
        scratch.write_bytes(content)
        name, sha256, _ = storage.keep_shared("datasets", scratch)
    except OSError as error:
        raise storage.disk_full(scratch.parent, error) from error
    finally:
        scratch.unlink(missing_ok=True)
    return name, sha256


def _revision(slot, test_sha256):
    """Return the number of this test split: that of the dataset that had it, or the next one."""
    done = Dataset.objects.filter(slot=slot, state=Dataset.State.DONE)
    same = done.filter(test_sha256=test_sha256).order_by("-number").first()
    if same is not None:
        return same.test_revision
    newest = done.order_by("-test_revision").first()
    return newest.test_revision + 1 if newest else 1


def _equal(dataset, sha256):
    found = Dataset.objects.filter(slot=dataset.slot, manifest_sha256=sha256)
    return found.exclude(pk=dataset.pk).first()
