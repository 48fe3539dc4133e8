"""What of the review a person may read, and the queries behind lists, counts and media."""

from review.selectors.access import (
    is_file_private,
    may_see_media,
    media_access,
    visible_items,
    visible_sites,
)
from review.selectors.agreement import (
    Period,
    blind_pairs,
    known_answer,
    overall_agreement,
    statistics,
)
from review.selectors.decisions import (
    differing_verdicts,
    held_at,
    history,
    judged_already,
    readable_decisions,
)
from review.selectors.disagreements import differing_items, waiting_for_supervisor
from review.selectors.filters import (
    ItemFilters,
    held_ids,
    parse_filters,
    unjudged,
    visible_deployments,
)
from review.selectors.items import (
    item_for,
    late_incidents,
    similar,
    trainable_items,
    troubled,
)
from review.selectors.pages import (
    LARGEST_PAGE,
    MOST_COUNTED,
    PAGE_SIZE,
    Page,
    counts,
    first_keys,
    items_in_order,
    items_page,
    last_key,
)
from review.selectors.stacks import sheet, stack_for, stacks_page

__all__ = [
    "ItemFilters",
    "LARGEST_PAGE",
    "MOST_COUNTED",
    "PAGE_SIZE",
    "Page",
    "Period",
    "blind_pairs",
    "counts",
    "differing_items",
    "differing_verdicts",
    "first_keys",
    "held_at",
    "held_ids",
    "history",
    "is_file_private",
    "item_for",
    "items_in_order",
    "items_page",
    "judged_already",
    "known_answer",
    "last_key",
    "late_incidents",
    "may_see_media",
    "media_access",
    "overall_agreement",
    "parse_filters",
    "readable_decisions",
    "sheet",
    "similar",
    "stack_for",
    "stacks_page",
    "statistics",
    "trainable_items",
    "troubled",
    "unjudged",
    "visible_deployments",
    "visible_items",
    "visible_sites",
    "waiting_for_supervisor",
]
