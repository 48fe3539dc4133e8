"""Where items were used, kind by kind: exports now, and whatever else takes items later.

A kind is one function in ``KINDS``. The pages ask for all of them and show what there is.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings

from training.exporting.item_ids import ItemIds, encoded
from training.models import ExportRun
from training.selectors.runs import SEE

KEPT_EXPORTS = 256


class Use(NamedTuple):
    """One use of one item: what to call it, and the named address that shows it."""

    item: int
    kind: str
    title: str
    detail: str
    url_name: str
    pk: int


def uses_of(user, items):
    """Return {item id: [Use]} of what ``user`` may know of, the newest use first."""
    found = {item: [] for item in items}
    for find in KINDS.values():
        for use in find(user, items):
            found[use.item].append(use)
    return found


def _exports_with(user, items):
    """Yield a Use for every finished export that holds one of the items."""
    if not items or not user.has_perm(SEE):
        return
    runs = ExportRun.objects.visible_to(user).filter(state=ExportRun.State.DONE).order_by("-pk")
    for pk, name in runs.values_list("pk", "name"):
        held = item_ids(pk, name)
        for item in items:
            line = held.line_of(item)
            if line is not None:
                yield Use(item, "export", name, f"line {line:,}", "training:export", pk)


KINDS: dict[str, Callable] = {"export": _exports_with}


@lru_cache(maxsize=KEPT_EXPORTS)
def item_ids(export_pk, name):
    """Return the ItemIds of a finished export of this name, which never change."""
    export = ExportRun.objects.get(pk=export_pk)
    for row in export.files:
        if "items" in row:
            return ItemIds(row["items"])
    return ItemIds(_items_of_manifest(export))


def _items_of_manifest(export):
    """Read the items of an export that was written before its row named them."""
    from training.exporting import manifest

    for row in export.files:
        if row["name"].startswith("manifest_"):
            try:
                content = manifest.read(settings.EXPORT_DIR / export.directory / row["name"])
            except (OSError, manifest.ManifestError):
                break
            return encoded(line["item"] for line in content["lines"])
    return ""
