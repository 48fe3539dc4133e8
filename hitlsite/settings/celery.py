"""Celery: queues, the embedded broker, and the beat schedule.

A message is only a wake-up; the rows it points at are the truth. That is why results are not kept
and why a lost message costs at most one beat period.
"""

from kombu import Queue

from hitlsite.settings import env
from hitlsite.settings.base import DATA_DIR

CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", f"sqla+sqlite:///{DATA_DIR / 'broker.sqlite3'}")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "review"
CELERY_TASK_QUEUES = [Queue(name) for name in ("ingest", "inference", "review", "training")]
CELERY_TASK_ROUTES = {
    "detection.tasks.ingest_*": {"queue": "ingest"},
    "detection.tasks.*": {"queue": "inference"},
    # As long as a training, and nobody's verdict is to wait behind it.
    "review.tasks.make_viewing_*": {"queue": "training"},
    "review.tasks.*": {"queue": "review"},
    # A training takes hours: nothing else waits behind it.
    "training.tasks.train_*": {"queue": "training"},
    # So can the measuring of an hour of video, and reviews would wait for it anywhere else.
    "training.tasks.extract_*": {"queue": "training"},
    "training.tasks.classify_*": {"queue": "inference"},
    "training.tasks.*": {"queue": "review"},
    "hitlsite.tasks.*": {"queue": "review"},
}
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
if CELERY_BROKER_URL.startswith("sqla+sqlite"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {"connect_args": {"timeout": 30}}

CELERY_TIMEZONE = "UTC"
CELERY_RESULT_EXPIRES = None  # there are none, so nothing has to clear them up
# The schedule stands in the database, where it can be seen and an entry be paused in the admin.
# What is written here is written there whenever beat starts; a pause stays.
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
# Each entry expires before its next tick: a worker that was away finds one wake-up, not hundreds.
CELERY_BEAT_SCHEDULE = {
    "sweep expired leases": {
        "task": "hitlsite.tasks.sweep_jobs",
        "schedule": 30.0,
        "options": {"expire_seconds": 25},
    },
    "start what is queued for ingestion": {
        "task": "detection.tasks.ingest_waiting",
        "schedule": 15.0,
        "options": {"expire_seconds": 14},
    },
    "detect on uploaded photos": {
        "task": "detection.tasks.detect_waiting_photos",
        "schedule": 30.0,
        "options": {"expire_seconds": 25},
    },
    "draw random samples": {
        "task": "detection.tasks.draw_samples",
        "schedule": 3600.0,
        "options": {"expire_seconds": 3500},
    },
    "convert closed incidents": {
        "task": "review.tasks.convert_closed_incidents",
        "schedule": 20.0,
        "options": {"expire_seconds": 19},
    },
    "label waiting tracks": {
        "task": "review.tasks.label_waiting_tracks",
        "schedule": 60.0,
        "options": {"expire_seconds": 55},
    },
    "make viewing copies that wait": {
        "task": "review.tasks.make_viewing_copies",
        "schedule": 30.0,
        "options": {"expire_seconds": 25},
    },
    "tell webhooks": {
        "task": "review.tasks.notify",
        "schedule": 10.0,
        "options": {"expire_seconds": 9},
    },
    "destroy sealed originals": {
        "task": "review.tasks.purge_sealed_originals",
        "schedule": 60.0,
        "options": {"expire_seconds": 55},
    },
    "let challengers look on": {
        "task": "detection.tasks.look_in_shadow",
        "schedule": 60.0,
        "options": {"expire_seconds": 55},
    },
    "train what waits": {
        "task": "training.tasks.train_waiting",
        "schedule": 30.0,
        "options": {"expire_seconds": 25},
    },
    "start waiting exports": {
        "task": "training.tasks.run_waiting_exports",
        "schedule": 30.0,
        "options": {"expire_seconds": 25},
    },
    "freeze waiting datasets": {
        "task": "training.tasks.freeze_waiting",
        "schedule": 30.0,
        "options": {"expire_seconds": 25},
    },
    "extract features that wait": {
        "task": "training.tasks.extract_waiting",
        "schedule": 30.0,
        "options": {"expire_seconds": 25},
    },
    "classify videos that wait": {
        "task": "training.tasks.classify_waiting",
        "schedule": 30.0,
        "options": {"expire_seconds": 25},
    },
    "rank pictures to label": {
        "task": "training.tasks.rank_waiting_pictures",
        "schedule": 60.0,
        "options": {"expire_seconds": 55},
    },
    "decide about retraining": {
        "task": "training.tasks.retrain_if_due",
        "schedule": 600.0,
        "options": {"expire_seconds": 590},
    },
    "score waiting incidents": {
        "task": "training.tasks.score_waiting_incidents",
        "schedule": 60.0,
        "options": {"expire_seconds": 55},
    },
    "find spans to label": {
        "task": "training.tasks.find_spans_to_label",
        "schedule": 60.0,
        "options": {"expire_seconds": 55},
    },
    "watch live rates": {
        "task": "training.tasks.watch_live_rates",
        "schedule": 120.0,
        "options": {"expire_seconds": 110},
    },
}
