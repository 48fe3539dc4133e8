"""The schedule: in the database, to be paused there, and every wake-up expires before the next."""

import warnings

import pytest
from django.conf import settings
from django.urls import reverse
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from hitlsite.celery import app

# Beat closes connections as it likes, which a transaction around a test would not outlive.
pytestmark = pytest.mark.django_db(transaction=True)


def scheduler():
    app.loader.import_default_modules()
    return DatabaseScheduler(app=app)


def test_every_entry_stands_in_the_database():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler().sync()
    rows = {row.name: row for row in PeriodicTask.objects.all()}
    assert set(rows) == set(settings.CELERY_BEAT_SCHEDULE)
    for name, row in rows.items():
        assert row.enabled and row.task in app.tasks, name
        assert row.schedule.run_every.total_seconds() > row.expire_seconds > 0, name


def test_a_wake_up_expires_before_the_next():
    for entry in scheduler().schedule.values():
        assert 0 < entry.options["expires"] < entry.schedule.run_every.total_seconds()


def test_a_pause_outlives_a_restart_and_all_else_is_set_anew():
    scheduler()
    name = "decide about retraining"
    PeriodicTask.objects.filter(name=name).update(enabled=False, expire_seconds=None)
    assert name not in scheduler().schedule
    row = PeriodicTask.objects.get(name=name)
    assert (row.enabled, row.expire_seconds) == (False, 590)


def test_a_pause_is_heeded_while_beat_runs():
    beat = scheduler()
    name = "decide about retraining"
    assert name in beat.schedule
    task = PeriodicTask.objects.get(name=name)
    task.enabled = False
    task.save()
    assert name not in beat.schedule


def test_the_clock_is_utc():
    assert app.conf.timezone == "UTC"
    entry = next(iter(scheduler().schedule.values()))
    assert entry.last_run_at.utcoffset().total_seconds() == 0


def test_the_schedule_is_seen_in_the_admin(client, superuser, admin_user):
    scheduler()
    address = reverse("admin:django_celery_beat_periodictask_changelist")
    client.force_login(superuser)
    response = client.get(address)
    assert b"decide about retraining" in response.content
    assert b"won't be dispatched" not in response.content
    client.force_login(admin_user)
    assert client.get(address).status_code == 403
