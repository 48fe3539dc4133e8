"""What a person may see of runs, versions, evaluations and judgements, and how each slot stands.

A row made from several sites is seen by who belongs to every one of them; to all others it does
not exist. What serves a slot is one thing for all sites: its name is no secret to who sees runs.
"""

from dataclasses import dataclass

from detection import selectors as detection
from detection.models import Deployment
from detection.slots import ALGORITHM_ALIASES, Slot, trainable
from hitlsite.errors import Forbidden, NotFound
from hitlsite.models import Site
from training.models import (
    Dataset,
    DatasetEntry,
    Evaluation,
    GateDecision,
    ModelVersion,
    Promotion,
    RetrainingPolicy,
    TrainingEvent,
    TrainingRun,
)

SEE_RUNS, SEE_VERSIONS = "training.view_trainingrun", "training.view_modelversion"
START, CHANGE = "training.add_trainingrun", "training.change_trainingrun"
PROMOTE = "training.promote_modelversion"
Test = DatasetEntry.Split.TEST


@dataclass(frozen=True, slots=True)
class Served:
    """A deployment that serves, and whose version it is where the asker may see that."""

    deployment: Deployment
    version: ModelVersion | None


@dataclass(frozen=True, slots=True)
class SlotState:
    """How one slot stands for one person.

    Attributes:
        waiting: the newest version that passed the gate and that nobody has deployed yet.
        event: the newest line of the training history.
    """

    slot: Slot
    champion: Served | None
    challenger: Served | None
    last_run: TrainingRun | None
    waiting: ModelVersion | None
    dataset: Dataset | None
    policy: RetrainingPolicy | None
    event: TrainingEvent | None


def require(user, permission, told):
    """Raise Forbidden with a sentence where ``user`` lacks a permission."""
    if not user.has_perm(permission):
        raise Forbidden(told)


def zone_of(user):
    """Return the name of the time zone in which to show ``user`` what belongs to no one site."""
    site = Site.objects.visible_to(user).first()
    return site.time_zone if site else "UTC"


def training_runs(user):
    """Return the runs that ``user`` may see, the newest first.

    Raises:
        Forbidden
    """
    require(user, SEE_RUNS, "Only supervisors and admins see training runs.")
    shown = TrainingRun.objects.visible_to(user)
    return shown.select_related("dataset", "created_by", "version").order_by("-pk")


def training_run(user, pk):
    """Return one run; a foreign site's does not exist, whatever the asker's role.

    Raises:
        NotFound, Forbidden
    """
    visible = TrainingRun.objects.visible_to(user).filter(pk=pk)
    run = visible.select_related("dataset", "created_by", "version").first()
    if run is None:
        raise NotFound(f"There is no run {pk}.")
    require(user, SEE_RUNS, "Only supervisors and admins see training runs.")
    return run


def model_version(user, pk):
    """Return one version with its run and dataset.

    Raises:
        NotFound, Forbidden
    """
    visible = ModelVersion.objects.visible_to(user).filter(pk=pk)
    version = visible.select_related("run__created_by", "dataset").first()
    if version is None:
        raise NotFound(f"There is no version {pk}.")
    require(user, SEE_VERSIONS, "Only supervisors and admins see model versions.")
    return version


def model_versions(user, *, slot=None, algorithm="", dataset_id=None, is_deployed=None):
    """Return the versions that ``user`` may see, the newest first.

    Args:
        is_deployed: only those that serve now, or only those that do not; None for both.

    Raises:
        Forbidden
    """
    require(user, SEE_VERSIONS, "Only supervisors and admins see model versions.")
    found = ModelVersion.objects.visible_to(user)
    wanted = {
        "slot": slot,
        "algorithm": ALGORITHM_ALIASES.get(algorithm, algorithm),
        "dataset": dataset_id,
    }
    found = found.filter(**{name: value for name, value in wanted.items() if value})
    if is_deployed is not None:
        serving = {"uuid__in": list(roles())}
        found = found.filter(**serving) if is_deployed else found.exclude(**serving)
    return found.order_by("-pk")


def roles():
    """Return {uuid of a version that serves now: "champion" or "challenger"}."""
    serving = Deployment.objects.filter(
        source=Deployment.Source.PROMOTED, retired_at=None, model_version_uuid__isnull=False
    )
    return dict(serving.values_list("model_version_uuid", "role"))


def datasets(user, slot=None):
    """Return the frozen datasets that ``user`` may train from, the newest first."""
    found = Dataset.objects.visible_to(user).filter(state=Dataset.State.DONE)
    return (found.filter(slot=slot) if slot else found).order_by("-pk")


def judgement(version):
    """Return the newest judgement of a version, None where the gate has not seen it."""
    found = GateDecision.objects.filter(version=version)
    return found.select_related("champion", "challenger", "challenger__dataset").first()


def evaluations(version):
    """Return (the newest Evaluation on the test split, that beside it on marked photos)."""
    found = Evaluation.objects.filter(version=version).select_related("dataset")
    return (
        found.filter(split=Test).first(),
        found.filter(split=DatasetEntry.Split.MARKED).first(),
    )


def promotions(version):
    return Promotion.objects.filter(version=version).select_related("decided_by")


def entries(dataset, positions):
    """Return {position: entry} with all that a picture of it is shown by."""
    rows = DatasetEntry.objects.filter(dataset=dataset, position__in=positions)
    related = ("item", "camera", "feature_set")
    related += ("evidence__incident__camera", "evidence__photo__camera")
    return {row.position: row for row in rows.select_related(*related)}


def slot_states(user):
    """Return the SlotState of every slot that can be trained.

    Raises:
        Forbidden
    """
    require(user, SEE_RUNS, "Only supervisors and admins see training runs.")
    policies = {policy.slot: policy for policy in RetrainingPolicy.objects.all()}
    return [_state(user, slot, policies.get(slot.name)) for slot in trainable()]


def _state(user, slot, policy):
    champion = served(user, detection.champion(slot.name))
    events = TrainingEvent.objects.filter(slot=slot.name)
    return SlotState(
        slot=slot,
        champion=champion,
        challenger=served(user, detection.challenger(slot.name)),
        last_run=training_runs(user).filter(slot=slot.name).first(),
        waiting=_waiting(user, slot.name, champion),
        dataset=datasets(user, slot.name).first(),
        policy=policy,
        event=events.first(),
    )


def served(user, deployment):
    """Return the Served of a deployment, None for None."""
    if deployment is None:
        return None
    uuid = deployment.model_version_uuid
    visible = ModelVersion.objects.visible_to(user)
    return Served(deployment, visible.filter(uuid=uuid).first() if uuid else None)


def _waiting(user, slot, champion):
    """Return the newest version if it passed the gate and was never deployed."""
    version = ModelVersion.objects.visible_to(user).filter(slot=slot).first()
    if version is None or (champion and champion.version == version):
        return None
    said = judgement(version)
    if said is None or said.outcome != "promote":
        return None
    was_deployed = promotions(version).filter(act=Promotion.Act.PROMOTE).exists()
    return None if was_deployed else version


def last_purpose(slot):
    """Return what an earlier version of a slot was deployed for, "" for none."""
    said = Promotion.objects.filter(slot=slot).exclude(purpose="")
    return said.values_list("purpose", flat=True).first() or ""
