"""What of the review a person may read, and the queries behind lists, counts and media."""

from review.selectors.access import (
    is_file_private,
    may_see_media,
    media_access,
    visible_items,
    visible_sites,
)
from review.selectors.filters import ItemFilters, parse_filters
from review.selectors.items import (
    history,
    item_for,
    late_incidents,
    similar,
    trainable_items,
    troubled,
)
from review.selectors.pages import (
    LARGEST_PAGE,
    PAGE_SIZE,
    Page,
    counts,
    decode_cursor,
    encode_cursor,
    first_keys,
    items_in_order,
    items_page,
    last_key,
)

__all__ = [
    "ItemFilters",
    "LARGEST_PAGE",
    "PAGE_SIZE",
    "Page",
    "counts",
    "decode_cursor",
    "encode_cursor",
    "first_keys",
    "history",
    "is_file_private",
    "item_for",
    "items_in_order",
    "items_page",
    "last_key",
    "late_incidents",
    "may_see_media",
    "media_access",
    "parse_filters",
    "similar",
    "trainable_items",
    "troubled",
    "visible_items",
    "visible_sites",
]
