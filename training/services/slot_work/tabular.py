"""The level-of-detail policy: rows of measures from devices, learned as labels.

A row trains with what its device did before it; rows of one sequence are one group, so that none
of them tests what another has trained.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from detection.slots import LOD_POLICY
from hitlsite.errors import DomainError
from training.models import DatasetEntry, RetrainingPolicy, TabularSample
from training.selectors.new_samples import SOURCES
from training.services.slot_work import Candidate, Gathered, tables

Source = TabularSample.LabelSource
_MOST_GROUP_CHARACTERS = 120


def clean_options(options, sites):
    """Return the options of a freeze.

    Raises:
        DomainError: option_unknown, invalid.
    """
    if options.get("label_source", Source.HUMAN) not in Source.values:
        told = f"Must be one of {', '.join(Source.values)}."
        message = f"label_source: {told}"
        raise DomainError("invalid", message, fields={"label_source": told})
    return tables.clean_options(options, "label_source")


def gather(options, sites, report):
    """Return every labelled row of the sites whose label may be trained on.

    Args:
        options: ``label_source`` says which; the policy of the slot where it is not given.
    """
    trusted = SOURCES[options.get("label_source") or _source_of_policy()]
    candidates, left_out, names = [], {}, set()
    sites = sorted(sites, key=lambda site: site.pk)
    for number, site in enumerate(sites):
        report.progress(number, len(sites), f"samples of {site.name}")
        rows = _rows(site)
        for row, features in zip(rows, _features(rows), strict=True):
            reason = _reason(row, trusted)
            if reason:
                left_out[reason] = left_out.get(reason, 0) + 1
                continue
            names.add(row["label"])
            candidates.append(_candidate(site, row, features))
    return Gathered(candidates, tables.taxonomy(LOD_POLICY, names), left_out)


def _source_of_policy():
    chosen = RetrainingPolicy.objects.filter(slot=LOD_POLICY).values_list("label_source", flat=True)
    return chosen.first() or Source.OUTCOME


def _rows(site):
    """Return a site's rows in time order within each sequence; the unlabelled are past too."""
    rows = TabularSample.objects.filter(slot=LOD_POLICY, site=site)
    columns = ("pk", "sequence", "at", "measures", "label", "label_source")
    return list(rows.order_by("sequence", "at", "pk").values(*columns))


def _features(rows):
    """Return the columns of every row, (n, 35); a row without a sequence has no past."""
    import numpy as np

    from training.learning import trajectory

    def columns(names):
        return np.array(
            [[row["measures"].get(name, np.nan) for name in names] for row in rows], dtype=float
        ).reshape(len(rows), len(names))

    numbers, known = [], {}
    for place, row in enumerate(rows):
        own = row["sequence"] or place
        numbers.append(known.setdefault(own, len(known)))
    return trajectory.features(
        columns(trajectory.MEASURES), columns(trajectory.MOTION), np.array(numbers, dtype=int)
    )


def _reason(row, trusted):
    if not row["label"]:
        return "no_label"
    return "" if row["label_source"] in trusted else f"labelled_by_{row['label_source']}"


def _candidate(site, row, features):
    from training.learning.trajectory import COLUMNS

    label = {
        "label": row["label"],
        "features": dict(zip(COLUMNS, features.tolist(), strict=True)),
    }
    return Candidate(
        sha256=tables.digest(label),
        group=_group(site, row["sequence"], row["at"]),
        origin=DatasetEntry.Origin.FIELD,
        label=label,
        site_id=site.pk,
        sample_id=row["pk"],
        captured_at=row["at"],
    )


def _group(site, sequence, at: datetime):
    if sequence:
        return f"sequence {site.pk} {sequence}"[:_MOST_GROUP_CHARACTERS]
    return f"day {site.pk} {at.astimezone(ZoneInfo(site.time_zone)):%Y-%m-%d}"


def clean_parameters(algorithm, parameters):
    """Return the parameters of a run with defaults; every level weighs the same unless told."""
    return tables.clean(LOD_POLICY, algorithm, parameters, balanced=True)


def train(run, champion, folder, report):
    from training.learning.trajectory import COLUMNS

    return tables.train(run, COLUMNS, folder, report)


score = tables.score


def figures(dataset, entries, scores):
    return tables.figures(dataset, entries, scores, figure="macro_f1")


paired = tables.paired
