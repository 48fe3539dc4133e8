"""Datasets: asked for by a person or a policy, frozen by one worker, known by their content.

A dataset is a leased row until it is whole. Everything that makes it whole, its entries, the
splits that its groups now have for ever and the state "done", is stored in one transaction; what
is stopped before leaves nothing but a row that the next worker takes.
"""

import logging
import time
from contextlib import suppress

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from detection.slots import SLOTS
from hitlsite import audit, jobs
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import Site
from training.models import Dataset
from training.services import dataset_options, slot_work
from training.services.dataset_storing import MOVED, Moved, Same, last, store

logger = logging.getLogger(__name__)

ADD = "training.add_dataset"
State = Dataset.State
TRIGGERS = ("page", "api", "command", "nightly")
STORED_EVERY_SECONDS = 1.0
# Another freeze of the slot may pin a group first; then the splits are made again.
MOST_ROUNDS = 5
_TRIED_AGAIN = {"disk_full", MOVED, "groups_moved"}


def freeze(*, slot, by=None, sites=None, options=None, trigger="command"):
    """Queue a freeze and return its Dataset; an equal one that waits already is returned.

    Args:
        by: None for the operator or the policy.
        sites: Sites or their ids; None for all that ``by`` belongs to.
        options: ``synthetic_cameras`` (ids; those of the dataset before where they are not given),
            ``frames_per_track``, ``camera_share``, ``whole_imports`` (as
            ``annotated_pictures.gather`` says), and what the slot takes besides.

    Raises:
        Forbidden; NotFound: a site that ``by`` does not belong to.
        DomainError: slot_unknown, slot_not_trainable, no_site, invalid.
    """
    if by is not None and not by.has_perm(ADD):
        raise Forbidden("Only admins freeze datasets.")
    if slot in SLOTS and not SLOTS[slot].is_trainable:
        raise DomainError("slot_not_trainable", f"The slot {slot} cannot be trained.")
    slot_work.of(slot)
    sites = _sites(by, sites)
    options = dataset_options.clean(slot, options or {}, sites, last(slot))
    for waiting in Dataset.objects.filter(slot=slot, state=State.QUEUED, created_by=by):
        is_same = waiting.options == options and set(waiting.sites.all()) == set(sites)
        if is_same and not waiting.error_code:
            return waiting
    return _begun(slot, by, sites, options, trigger)


def _sites(by, wanted):
    known = Site.objects.visible_to(by) if by is not None else Site.objects.all()
    known = {site.pk: site for site in known}
    if wanted is None:
        if not known:
            raise DomainError("no_site", "There is no site to take anything from.")
        return list(known.values())
    pks = sorted({getattr(site, "pk", site) for site in wanted})
    if not pks:
        raise DomainError("no_site", "Name a site.", fields={"sites": "This is needed."})
    for pk in pks:
        if pk not in known:
            raise NotFound(f"There is no site {pk}.", fields={"sites": "No such site."})
    return [known[pk] for pk in pks]


def _begun(slot, by, sites, options, trigger):
    for attempt in range(MOST_ROUNDS):
        try:
            with transaction.atomic():
                highest = Dataset.objects.filter(slot=slot).aggregate(found=Max("number"))["found"]
                dataset = Dataset.objects.create(
                    slot=slot, number=(highest or 0) + 1, options=options, created_by=by
                )
                dataset.sites.set(sites)
                detail = {
                    "dataset": str(dataset),
                    "sites": [site.name for site in sites],
                    "options": options,
                    "trigger": trigger,
                }
                audit.record("dataset.asked", dataset, actor=by, site=_one(sites), detail=detail)
                return dataset
        except IntegrityError:  # somebody else took the number
            if attempt == MOST_ROUNDS - 1:
                raise
    raise AssertionError("unreachable")


def _one(sites):
    return sites[0] if len(sites) == 1 else None


def cancel(dataset_id, *, by):
    """End a freeze that waits or goes on; what it did is dropped. Return the Dataset.

    Raises:
        NotFound, Forbidden; Conflict already_finished.
    """
    dataset = Dataset.objects.visible_to(by).filter(pk=dataset_id).first()
    if dataset is None:
        raise NotFound(f"There is no dataset {dataset_id}.")
    if not by.has_perm(ADD):
        raise Forbidden("Only admins cancel a freeze.")
    with transaction.atomic():
        going = Dataset.objects.filter(pk=dataset.pk, state__in=[State.QUEUED, State.RUNNING])
        ended = going.update(
            state=State.CANCELLED, finished_at=timezone.now(), lease_expires_at=None
        )
        if not ended:
            raise Conflict(f"{dataset} is no longer being frozen.", code="already_finished")
        detail = {"dataset": str(dataset)}
        audit.record("dataset.cancelled", dataset, actor=by, detail=detail)
    dataset.refresh_from_db()
    return dataset


def run_waiting():
    """Freeze every dataset that waits or lost its worker; return how many were taken."""
    jobs.sweep(Dataset.objects.all())
    waiting = jobs.claimable(Dataset.objects.all()).order_by("pk")
    taken = 0
    for pk in list(waiting.values_list("pk", flat=True)):
        with suppress(NotFound):
            taken += freeze_now(pk) is not None
    return taken


def freeze_now(dataset_id, progress=None):
    """Freeze a queued dataset and return it as it then stands; None where another worker has it.

    One whose content an earlier dataset of the slot has is deleted, and the earlier one returned.
    A refusal is stored on the row, not raised.

    Args:
        progress: called with (done, total, message).

    Raises:
        NotFound.
    """
    dataset = jobs.claim(Dataset.objects.all(), dataset_id)
    if dataset is None:
        return as_it_is(dataset_id)
    report = FreezeReport(dataset, progress)
    try:
        with jobs.kept_alive(dataset):
            return _frozen(dataset, report)
    except jobs.LeaseLost:
        logger.warning("%s went to another worker, or was cancelled.", dataset)
        return Dataset.objects.filter(pk=dataset.pk, state=State.CANCELLED).first()
    except DomainError as error:
        if error.code in _TRIED_AGAIN:
            jobs.release(dataset, error=error)
        else:
            _refuse(dataset, error)
    except Exception as error:
        jobs.release(dataset, error=error)
        raise
    dataset.refresh_from_db()
    return dataset


def as_it_is(dataset_id):
    """Return a dataset that is being frozen no longer, None while it is.

    Raises:
        NotFound: it was deleted because an earlier one is the same.
    """
    found = Dataset.objects.filter(pk=dataset_id).first()
    if found is None:
        raise NotFound(f"There is no dataset {dataset_id}.")
    return found if found.is_finished else None


def _frozen(dataset, report):
    work = slot_work.of(dataset.slot)
    sites = list(dataset.sites.all())
    gathered = work.gather(dataset.options, sites, report)
    for attempt in range(MOST_ROUNDS):
        try:
            store(dataset, gathered, sites, report)
        except Same as same:
            return same.dataset
        except Moved:
            if attempt == MOST_ROUNDS - 1:
                raise
            # Which group something belongs to may follow from the groups there are already.
            gathered = work.gather(dataset.options, sites, report)
        else:
            break
    dataset.refresh_from_db()
    return dataset


@transaction.atomic
def _refuse(dataset, error):
    with suppress(jobs.LeaseLost):
        jobs.finish(dataset, state=State.FAILED, error_code=error.code, error_message=error.message)
        detail = {"dataset": str(dataset), "code": error.code, "message": error.message}
        audit.record("dataset.refused", dataset, actor=dataset.created_by, detail=detail)


class FreezeReport:
    """Tells the row of a freeze how far it is; see ``slot_work.Report``.

    Every call may raise ``jobs.LeaseLost``: another worker has the row, or somebody cancelled it.
    """

    def __init__(self, dataset, listener=None):
        self._dataset, self._listener = dataset, listener
        self._stored_at = 0.0

    def progress(self, done, total, message=""):
        if self._listener:
            self._listener(done, total, message)
        if time.monotonic() - self._stored_at < STORED_EVERY_SECONDS:
            return
        self._stored_at = time.monotonic()
        jobs.heartbeat(
            self._dataset,
            progress_done=done,
            progress_total=total,
            progress_message=message[:200],
        )

    def stage(self, stage):
        """Tell the next part of the work, which has no measure yet."""
        self._stored_at = 0.0
        self.progress(0, 0, stage)

    def epoch(self, figures):
        """Heed nothing: a freeze has no epochs."""

    def log(self, line):
        logger.info("%s: %s", self._dataset, line)
