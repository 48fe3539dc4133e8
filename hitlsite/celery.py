"""The Celery application."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hitlsite.settings")

app = Celery("second_look")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
