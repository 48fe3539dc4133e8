"""Answer with the tabular model that serves, which may be replaced between any two requests.

Every request asks the ledger which deployment serves. A model is loaded once a process and
deployment, by one thread; until it is there, and should its files be unusable, the others go on
with the one before, and every answer names the deployment that gave it.
"""

import logging
import threading
import time
from dataclasses import dataclass

from detection.models import Deployment
from detection.services import model_store, serving
from hitlsite.errors import Conflict, DomainError, Forbidden
from training.services.samples import ADD, tabular_slot

logger = logging.getLogger(__name__)

MOST_ROWS = 1000
SEE = "training.view_modelversion"
TRIED_AGAIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The likeliest label of one row, with the probability of every one."""

    label: str
    probability: float
    probabilities: dict[str, float]
    deployment: Deployment


@dataclass(frozen=True, slots=True)
class _Held:
    deployment: Deployment
    model: object


class Models:
    """The models of this process, one for each slot and role."""

    def __init__(self):
        self._held: dict[tuple[str, str], _Held] = {}
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._guard = threading.Lock()
        self._unusable: dict[int, float] = {}

    def of(self, deployment):
        """Return (the deployment whose model it is, the model): this one's, or the one before it.

        Raises:
            DomainError: artifact_missing, artifact_damaged, artifact_refused, where there is none
                before it either.
        """
        place = deployment.slot, deployment.role
        held = self._held.get(place)
        if held is not None and held.deployment.pk == deployment.pk:
            return held.deployment, held.model
        with self._guard:
            lock = self._locks.setdefault(place, threading.Lock())
        # Whoever has nothing to answer with waits; everybody else goes on.
        if not lock.acquire(blocking=held is None):
            return held.deployment, held.model
        try:
            held = self._loaded(place, deployment)
        finally:
            lock.release()
        return held.deployment, held.model

    def _loaded(self, place, deployment):
        from detection.vision.tabular import model as tabular_model

        held = self._held.get(place)
        if held is not None and held.deployment.pk == deployment.pk:
            return held
        failed_at = self._unusable.get(deployment.pk, -TRIED_AGAIN_SECONDS)
        if held is not None and time.monotonic() - failed_at < TRIED_AGAIN_SECONDS:
            return held
        try:
            model = tabular_model.load(model_store.local_folder(deployment.files))
        except DomainError as error:
            if held is None:
                raise
            self._unusable[deployment.pk] = time.monotonic()
            logger.error("%s cannot serve: %s", deployment, error.message)
            return held
        self._held[place] = _Held(deployment, model)
        return self._held[place]

    def forget(self):
        """Let everything be loaded anew."""
        self._held, self._unusable = {}, {}


models = Models()


def predict(slot, rows, by):
    """Return an Answer for every row.

    Args:
        rows: dicts with the measures by name, and in ``past`` up to ten rows before, oldest first.

    Raises:
        NotFound: slot_unknown.
        Forbidden
        Conflict: no_deployment.
        DomainError: slot_not_tabular, rows_invalid; what keeps a first model from being read.
    """
    from training.learning import sample_rows, trajectory

    slot = tabular_slot(slot)
    if not (by.has_perm(ADD) or by.has_perm(SEE)):
        raise Forbidden("You may not ask for predictions.")
    if not isinstance(rows, list) or not rows or len(rows) > MOST_ROWS:
        told = f"This must be a list of 1 to {MOST_ROWS} rows."
        raise DomainError("rows_invalid", f"rows: {told}", fields={"rows": told})
    measures, pasts = sample_rows.questions(rows)
    deployment = serving.champion(slot.name)
    if deployment is None:
        raise Conflict(f"Nothing is deployed as {slot.name} yet.", code="no_deployment")
    deployment, model = models.of(deployment)
    features = trajectory.of_requests(measures, pasts)
    found = model.probabilities(features, trajectory.COLUMNS)
    return [
        Answer(label, max(row), dict(zip(model.classes, row, strict=True)), deployment)
        for label, row in zip(model.answers(found), found.tolist(), strict=True)
    ]
