"""The retraining log as a CSV file for spreadsheets."""

import io
from csv import writer

from training.exporting.tables import cell
from training.selectors import retraining_log as selector


def csv(slot, user=None):
    """Return the log of a slot as CSV, oldest first; of what ``user`` may see, of all for None.

    Numbers keep their full length, times are ISO 8601 in UTC, and no cell runs as a formula.
    """
    stream = io.StringIO()
    table = writer(stream, lineterminator="\r\n")
    table.writerow(selector.COLUMNS)
    for row in selector.rows(slot, user):
        table.writerow([_cell(getattr(row, name)) for name in selector.COLUMNS])
    return stream.getvalue()


def _cell(value):
    return value.isoformat() if hasattr(value, "isoformat") else cell(value)
