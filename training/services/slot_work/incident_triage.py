"""Incident triage: how likely a person will confirm an incident, from what is known before.

A verdict teaches here what the table of verdicts says: a confirmation, or a rejection because
nothing was wrong. Other rejections are about pictures, and say nothing of the incident.
"""

from zoneinfo import ZoneInfo

from detection.slots import INCIDENT_TRIAGE
from training.learning.gate import Slice
from training.models import DatasetEntry
from training.selectors import decided_incidents
from training.services.slot_work import Candidate, Gathered, tables

CONFIRMED, REJECTED = "confirmed", "rejected"
_PAGE = 500


def clean_options(options, sites):
    """Return the options of a freeze; it has none of its own."""
    return tables.clean_options(options)


def gather(options, sites, report):
    """Return every incident of the sites with a verdict in force that says something of it."""
    from training.learning import triage

    candidates, left_out = [], {}
    for site in sorted(sites, key=lambda one: one.pk):
        pasts = decided_incidents.pasts(site)
        items = decided_incidents.decided(site)
        total = items.count()
        for number, item in enumerate(items.iterator(chunk_size=_PAGE)):
            if number % _PAGE == 0:
                report.progress(number, total, f"verdicts of {site.name}")
            reason = decided_incidents.reason_left_out(item)
            if reason:
                left_out[reason] = left_out.get(reason, 0) + 1
                continue
            known = decided_incidents.known_of(item.incident, site, pasts)
            label = {"label": item.status, "features": triage.features(known)}
            candidates.append(_candidate(item, label, site, triage.is_night(known.opened_at)))
    return Gathered(candidates, _taxonomy(), left_out)


def _taxonomy():
    return [{"name": name, "former": [], "label_classes": []} for name in (CONFIRMED, REJECTED)]


def _group(incident, site):
    """Return what resembles itself: a film, or a day of a camera that never ends."""
    footage = incident.footage
    if footage.kind in (footage.Kind.STREAM, footage.Kind.IMPORT):
        day = incident.opened_at.astimezone(ZoneInfo(site.time_zone)).date()
        return f"camera {incident.camera_id} {day}"
    return f"footage {footage.pk}"


def _candidate(item, label, site, is_night):
    incident = item.incident
    return Candidate(
        # Two incidents may look the same in numbers; they are two all the same.
        sha256=tables.digest({**label, "incident": incident.pk}),
        group=_group(incident, site),
        origin=_origin(incident),
        label=label,
        site_id=item.site_id,
        camera_id=item.camera_id,
        item_id=item.pk,
        captured_at=incident.opened_at,
        is_night=is_night,
    )


def _origin(incident):
    is_import = incident.origin == incident.Origin.IMPORT
    return DatasetEntry.Origin.IMPORT if is_import else DatasetEntry.Origin.FIELD


def clean_parameters(algorithm, parameters):
    return tables.clean(INCIDENT_TRIAGE, algorithm, parameters)


def train(run, champion, folder, report):
    from training.learning.triage import COLUMNS

    return tables.train(run, COLUMNS, folder, report)


def score(subject, dataset, entries, report):
    """Return Scores; a model that knows nothing finds everything equally likely."""
    if subject is None:
        even = [[CONFIRMED, 0.5], [REJECTED, 0.5]]
        return {entry.position: even for entry in entries}
    return tables.score(subject, dataset, entries, report)


def figures(dataset, entries, scores):
    return tables.figures(dataset, entries, scores, figure="auc", positive=CONFIRMED)


def paired(dataset, entries, champion, challenger):
    """Return (the area under the curve, the same of every category and camera)."""
    import numpy as np

    scores = np.stack([_probability(entries, one) for one in (champion, challenger)])
    is_positive = np.array([entry.label["label"] == CONFIRMED for entry in entries], dtype=bool)
    group, groups = tables.numbered_groups(entries)

    def auc(chosen):
        from training.learning.paired_auc import Auc

        return Auc(scores[:, chosen], is_positive[chosen], group[chosen], groups)

    slices = [
        # What cannot be ranked decides nothing, however much there is of the other kind.
        Slice(kind, name, int(min(is_positive[chosen].sum(), (~is_positive[chosen]).sum())), figure)
        for kind, name, chosen in _parts(entries)
        for figure in [auc(chosen)]
    ]
    return auc(np.arange(len(entries))), slices


def _probability(entries, scores):
    """Return how likely each entry is to be confirmed, (n,)."""
    import numpy as np

    found = [dict(map(tuple, scores[entry.position])).get(CONFIRMED, 0.0) for entry in entries]
    return np.array(found, dtype=float)


def _parts(entries):
    """Yield (kind, name, places of entries) of every category and camera."""
    import numpy as np

    from training.learning.triage import CATEGORIES

    places = {}
    for number, entry in enumerate(entries):
        held = entry.label["features"]
        category = next((name for name in CATEGORIES if held.get(f"category_{name}")), "unknown")
        places.setdefault(("class", category), []).append(number)
        if entry.camera is not None:
            places.setdefault(("camera", entry.camera.name), []).append(number)
    for (kind, name), found in sorted(places.items()):
        yield kind, name, np.array(found)
