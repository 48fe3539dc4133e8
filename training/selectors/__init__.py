"""Which exports a person may see, the rows they are made from, and where things came from."""

from training.selectors.drawn import Drawn, drawn_boxes
from training.selectors.provenance import FOOTAGE, ITEM, Trace, find, footage_trace, item_trace
from training.selectors.rows import ItemRow, StoredFile, item_rows
from training.selectors.runs import (
    CHUNK,
    MAKE,
    SEE,
    audit_head,
    deployments,
    exactly,
    export_run,
    export_runs,
    exportable,
    left_out_by_status,
    looked_at,
    moved_since,
    readiness,
    site_for,
    site_named,
    sites,
)
from training.selectors.uses import Use, uses_of

__all__ = [
    "CHUNK",
    "Drawn",
    "FOOTAGE",
    "ITEM",
    "ItemRow",
    "MAKE",
    "SEE",
    "StoredFile",
    "Trace",
    "Use",
    "audit_head",
    "deployments",
    "drawn_boxes",
    "exactly",
    "export_run",
    "export_runs",
    "exportable",
    "find",
    "footage_trace",
    "item_rows",
    "item_trace",
    "left_out_by_status",
    "looked_at",
    "moved_since",
    "readiness",
    "site_for",
    "site_named",
    "sites",
    "uses_of",
]
