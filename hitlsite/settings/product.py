"""What the product itself can be told: leases, limits, review and privacy defaults."""

from pathlib import Path

from hitlsite.settings import env
from hitlsite.settings.base import DATA_DIR

SEGMENT_SECONDS = env.number("SEGMENT_SECONDS", 60.0, minimum=1, maximum=600, kind=float)
LEASE_SECONDS = env.number("LEASE_SECONDS", 90, minimum=2, maximum=3600)
DETECTOR = env.text("SECOND_LOOK_DETECTOR", "auto")

UPLOAD_MAX_VIDEO_BYTES = env.number("UPLOAD_MAX_VIDEO_BYTES", 2 * 1024**3, minimum=1)
UPLOAD_MAX_PHOTO_BYTES = env.number("UPLOAD_MAX_PHOTO_BYTES", 25 * 1000**2, minimum=1)
UPLOAD_MAX_PHOTO_PIXELS = env.number("UPLOAD_MAX_PHOTO_PIXELS", 50_000_000, minimum=1)
UPLOAD_MAX_VIDEO_SECONDS = env.number("UPLOAD_MAX_VIDEO_SECONDS", 6 * 3600, minimum=1)

CLAIM_SECONDS = env.number("CLAIM_SECONDS", 300, minimum=5, maximum=86_400)
UNDO_SECONDS = env.number("UNDO_SECONDS", 60, minimum=0, maximum=86_400)
UNDO_DEPTH = env.number("UNDO_DEPTH", 10, minimum=0, maximum=100)
MIN_CONFIRMED = env.number("MIN_CONFIRMED", 100, minimum=1)
KEEP_ORIGINAL_DAYS = env.number("KEEP_ORIGINAL_DAYS", 0, minimum=0, maximum=3650)
# mediapipe's face detector looks as well where its model is there, in a process of its own.
MEDIAPIPE = env.flag("SECOND_LOOK_MEDIAPIPE", True)
REDACTION_METHOD = env.choice("REDACTION_METHOD", "blur", ("blur", "pixelate", "mask"))

# How large a share of new items is judged blind by two people.
SECOND_REVIEW_SHARE = env.number("SECOND_REVIEW_SHARE", 0.1, minimum=0, maximum=1, kind=float)
# Random minutes of a camera's day, and tracks that nearly fired a rule, that people look at too.
AUDIT_MINUTES = env.number("AUDIT_MINUTES", 3, minimum=0, maximum=60)
NEAR_MISSES = env.number("NEAR_MISSES", 3, minimum=0, maximum=100)
# Below this confidence of a task classifier a person is asked, so often an hour of video at most.
UNSURE_BELOW = env.number("UNSURE_BELOW", 0.6, minimum=0, maximum=1, kind=float)
SPANS_TO_LABEL = env.number("SPANS_TO_LABEL", 20, minimum=0, maximum=1000)
# Where browsers reach these pages; links in messages begin with it.
PUBLIC_URL = env.text("PUBLIC_URL")
# What was recorded longer ago arrives late and notifies nobody.
NOTIFY_WITHIN_SECONDS = env.number("NOTIFY_WITHIN_SECONDS", 3600, minimum=60, maximum=7 * 86_400)
WEBHOOK_PRIVATE_ADDRESSES = env.flag("WEBHOOK_PRIVATE_ADDRESSES", False)

# Where the training history stands as JSON lines, for programs that follow a file.
TRAINING_HISTORY_LOG = Path(
    env.text("TRAINING_HISTORY_LOG", str(DATA_DIR / "training_history.log"))
).expanduser()

CODE_VERSION = env.text("CODE_VERSION", "0.1.0")
