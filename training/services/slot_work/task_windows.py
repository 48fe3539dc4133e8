"""The windows of a frozen dataset: where they lie, and what is told of them.

A dataset's entry names a file of windows and its row in it. The files stay as large as they were
cut, also where a column turned out to be wholly missing in what trains; such columns are left out
on reading, so that whoever trains or scores asks here and sees the same columns.
"""

from collections import defaultdict
from contextlib import contextmanager

from hitlsite import storage
from hitlsite.errors import DomainError

COUNTED_AS = "windows"  # the key in Dataset.counts
_AT_ONCE = 1024


def meta_of(dataset) -> dict:
    """Return what a dataset's windows are.

    ``spec`` is that of a WindowSpec; ``mode`` the mode of the features; ``columns`` what models
    see, ``dropped_columns`` what was wholly missing, ``stored_columns`` both in the order of the
    files; ``sample_rate`` and ``frames_per_second`` the usual ones of what trains; ``scaler`` has
    mean and std of every one of ``columns``, of what trains; ``label_set`` is its id or None,
    ``balance``, ``seed`` and ``shares`` as asked for; ``inputs`` and ``videos`` one row a video.

    Raises:
        DomainError: no_windows, where it is a dataset of something else.
    """
    meta = dataset.counts.get(COUNTED_AS)
    if not meta:
        raise DomainError("no_windows", f"{dataset} holds no windows of features.")
    return meta


def columns_of(dataset) -> tuple[str, ...]:
    """Return the names of the columns that ``windows_of`` gives, in order."""
    return tuple(meta_of(dataset)["columns"])


def windows_of(entries, columns=None):
    """Return the windows of entries of one dataset in their order, (m, S, C) float32.

    NaN is missing. What is read beside them is a small part of one file.

    Args:
        columns: names out of ``stored_columns``, in the order wanted; ``columns_of`` where None.

    Raises:
        DomainError: no_windows; columns_differ, where a column was not stored; windows_missing,
            where a file is not there.
    """
    import numpy as np

    entries = list(entries)
    if not entries:
        return np.empty((0, 0, 0), dtype=np.float32)
    chosen = _places_of(columns, meta_of(entries[0].dataset))
    found = None
    for places, part in _read(entries):
        if found is None:
            shape = (len(entries), part.shape[1], len(chosen))
            found = np.empty(shape, dtype=np.float32)
        found[places] = part[:, :, chosen]
    return found


def _places_of(columns, meta):
    stored = {name: place for place, name in enumerate(meta["stored_columns"])}
    columns = meta["columns"] if columns is None else columns
    missing = [name for name in columns if name not in stored]
    if missing:
        told = f"The dataset has no column {', '.join(missing)}: freeze a new one."
        raise DomainError("columns_differ", told[:300])
    return [stored[name] for name in columns]


def parts_of(entries):
    """Yield the windows of entries or candidates a part at a time, with every stored column."""
    for _, part in _read(entries):
        yield part


def _read(entries):
    """Yield (places in entries, their windows (m, S, C)) file by file."""
    import numpy as np

    by_file = defaultdict(list)
    for place, entry in enumerate(entries):
        by_file[entry.path].append((place, entry.label["row"]))
    for name, wanted in by_file.items():
        pairs = np.array(wanted, dtype=int)
        with _opened(name) as windows:
            for first in range(0, len(pairs), _AT_ONCE):
                part = pairs[first : first + _AT_ONCE]
                yield part[:, 0], windows[part[:, 1]]


@contextmanager
def _opened(name):
    """Give a stored file of windows as an array (n, S, C), read where it is looked at."""
    import numpy as np

    try:
        path, is_copy = storage.local_copy(name)
        windows = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        message = f"The file of windows {name} is gone: freeze the dataset anew."
        raise DomainError("windows_missing", message) from error
    try:
        yield windows
    finally:
        if is_copy:
            path.unlink(missing_ok=True)
