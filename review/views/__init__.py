"""The review pages. Views parse, call one service or selector, and answer."""

from review.views.acts import decide, redact, reopen, same, start, undo, undo_redaction
from review.views.agreement import agreement
from review.views.ahead import next_items, release
from review.views.boxes import boxes
from review.views.bulk import bulk, delete_filter, save_filter, undo_batch
from review.views.dashboard import dashboard
from review.views.events import events
from review.views.gold import gold, retire_gold
from review.views.guide import guide
from review.views.guidelines import example, guideline, guidelines
from review.views.item import item, privacy
from review.views.label_classes import label_classes
from review.views.media import evidence, evidence_thumb, filmstrip
from review.views.photo_media import photo_file, photo_thumb
from review.views.photos import mark, photo, photo_library, unmark
from review.views.queue import queue
from review.views.recall import recall
from review.views.stacks import stack, stacks
from review.views.tracks import track
from review.views.viewing_copies import viewing_copy, viewing_copy_file
from review.views.webhook_pictures import webhook_picture

__all__ = [
    "agreement",
    "boxes",
    "bulk",
    "dashboard",
    "decide",
    "delete_filter",
    "events",
    "evidence",
    "evidence_thumb",
    "example",
    "filmstrip",
    "gold",
    "guide",
    "guideline",
    "guidelines",
    "item",
    "label_classes",
    "mark",
    "next_items",
    "photo",
    "photo_file",
    "photo_thumb",
    "photo_library",
    "privacy",
    "queue",
    "recall",
    "redact",
    "release",
    "reopen",
    "retire_gold",
    "same",
    "save_filter",
    "stack",
    "stacks",
    "start",
    "track",
    "undo",
    "undo_batch",
    "undo_redaction",
    "unmark",
    "viewing_copy",
    "viewing_copy_file",
    "webhook_picture",
]
