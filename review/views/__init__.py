"""The review pages. Views parse, call one service or selector, and answer."""

from review.views.acts import decide, redact, reopen, start, undo, undo_redaction
from review.views.dashboard import dashboard
from review.views.guide import guide
from review.views.item import item, privacy
from review.views.media import evidence, evidence_thumb
from review.views.queue import queue

__all__ = [
    "dashboard",
    "decide",
    "evidence",
    "evidence_thumb",
    "guide",
    "item",
    "privacy",
    "queue",
    "redact",
    "reopen",
    "start",
    "undo",
    "undo_redaction",
]
