"""Let the triage model that serves say of every waiting incident how likely it is to be confirmed.

What it said is kept, one row an incident and deployment, and the queue is ordered by it.
"""

from django.utils import timezone

from detection.models import Prediction
from detection.services import serving
from detection.slots import INCIDENT_TRIAGE
from review.services import priorities
from training.selectors import decided_incidents
from training.services.predicting import models

CONFIRMED, REJECTED = "confirmed", "rejected"
LIMIT = 500


def score_waiting(*, limit=LIMIT, at=None):
    """Predict for pending items that the serving models have not seen; return how many it were.

    Nothing happens where no triage model serves. A challenger, where there is one, is asked too:
    where the two differ, a verdict tells which of them is right.

    Raises:
        DomainError: the model's files cannot be used.
    """
    champion = serving.champion(INCIDENT_TRIAGE)
    if champion is None:
        return 0
    serve = [champion, serving.challenger(INCIDENT_TRIAGE)]
    at = at or timezone.now()
    seen = {}
    for deployment in filter(None, serve):
        items = list(decided_incidents.unseen_by(deployment)[:limit])
        _predict(deployment, items, at)
        seen |= {item.pk: item.incident_id for item in items}
    _rank(seen, *serve)
    return len(seen)


def _predict(deployment, items, at):
    """Store what a deployment says of items."""
    if not items:
        return
    from training.learning import triage

    served, model = models.of(deployment)
    pasts = {site: decided_incidents.pasts(site) for site in {item.site for item in items}}
    labels = [
        {
            "features": triage.features(
                decided_incidents.known_of(item.incident, item.site, pasts[item.site])
            )
        }
        for item in items
    ]
    found = model.probabilities(_table(labels, model.columns)).tolist()
    rows = []
    for item, row in zip(items, found, strict=True):
        said = dict(zip(model.classes, row, strict=True))
        confirmed = said.get(CONFIRMED, 0.0)
        rows.append(
            Prediction(
                deployment=served,
                incident=item.incident,
                label=CONFIRMED if confirmed >= 0.5 else REJECTED,
                score=confirmed,
                output={"probabilities": said},
                at=at,
            )
        )
    # Two workers at once say the same.
    Prediction.objects.bulk_create(rows, ignore_conflicts=True)


def _table(labels, columns):
    from training.services.slot_work import tables

    return tables.table_of(labels, columns)


def _rank(seen, champion, challenger):
    """Order items by what was said of them.

    Args:
        seen: {item id: incident id}.
    """
    said = {}
    wanted = Prediction.objects.filter(incident__in=seen.values())
    for deployment in (champion, challenger):
        rows = wanted.filter(deployment=deployment) if deployment else wanted.none()
        said[deployment] = dict(rows.values_list("incident", "score"))
    likelihoods = {}
    for item_id, incident_id in seen.items():
        confirmed = said[champion].get(incident_id)
        if confirmed is None:
            continue
        other = said[challenger].get(incident_id, confirmed)
        likelihoods[item_id] = priorities.Likelihood(confirmed, abs(confirmed - other))
    priorities.rank(likelihoods)
