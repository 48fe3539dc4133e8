"""The windows of a dataset as some classifier takes them, which may not be how it cut them itself.

A champion that learned from windows of two seconds cannot read those of three, and one that takes
columns that a dataset leaves out finds none there. It is asked all the same, about the same
moments: its windows are cut anew from the features, so that the gate compares like with like.
"""

from collections import defaultdict

from hitlsite.errors import DomainError
from training.models import FeatureSet
from training.services import features
from training.services.slot_work import task_windows


def windows_for(predictor, name, entries):
    """Return the windows of entries of one dataset in the classifier's own columns, (m, S, C).

    Args:
        name: of the classifier, for people.

    Raises:
        DomainError: features_differ, where the features do not have its columns; what keeps files
            from being read.
    """
    entries = list(entries)
    meta = task_windows.meta_of(entries[0].dataset)
    has_columns = set(predictor.columns) <= set(meta["stored_columns"])
    if has_columns and predictor.spec.as_dict() == meta["spec"]:
        return task_windows.windows_of(entries, columns=predictor.columns)
    return _cut_anew(predictor, name, entries, set(meta["stored_columns"]))


def _cut_anew(predictor, name, entries, known):
    import numpy as np

    from detection.vision.windows import gather

    by_features = defaultdict(list)
    for place, entry in enumerate(entries):
        by_features[entry.feature_set_id].append(place)
    rows = FeatureSet.objects.in_bulk(by_features)
    shape = (len(entries), predictor.spec.steps, len(predictor.columns))
    found = np.empty(shape, dtype=np.float32)
    for pk, places in by_features.items():
        table = features.table_of(rows[pk])
        values = _values(predictor, name, table, known)
        ends = np.array([entries[place].label["end"] for place in places], dtype=float)
        found[places] = gather(table.times, values, ends, predictor.spec)
    return found


def _values(predictor, name, table, known):
    """Return the classifier's columns of a table, (n, C); missing where a video lacks them."""
    import numpy as np

    places = {column: place for place, column in enumerate(table.names)}
    if not set(predictor.columns) <= known | places.keys():
        try:
            predictor.place_in(table.names)
        except DomainError as error:
            told = f"{name} cannot be compared on {table.video_id}: {error.message}"
            raise DomainError("features_differ", told) from error
    values = np.full((len(table.times), len(predictor.columns)), np.nan, dtype=np.float32)
    for place, column in enumerate(predictor.columns):
        if column in places:
            values[:, place] = table.values[:, places[column]]
    return values
