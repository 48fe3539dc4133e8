"""The embedded broker forgets what it has delivered, and nothing else."""

import sqlite3
from contextlib import closing

import pytest
from kombu import Connection

from hitlsite import broker, tasks

BIG = "x" * 1000


@pytest.fixture
def path(settings, tmp_path):
    path = tmp_path / "broker.sqlite3"
    settings.CELERY_BROKER_URL = f"sqla+sqlite:///{path}"
    return path


def messages(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM kombu_message").fetchone()[0]


def test_delivered_messages_go_and_waiting_ones_stay(path, settings):
    with Connection(settings.CELERY_BROKER_URL) as connection:
        queue = connection.SimpleQueue("review")
        for number in range(5):
            queue.put({"number": number, "text": BIG})
        for number in range(3):
            message = queue.get(block=False)
            assert message.payload["number"] == number
            message.ack()
        assert messages(path) == 5
        assert broker.forget_delivered() == 3
        assert messages(path) == 2
        queue.put({"number": 5})
        rest = [queue.get(block=False).payload["number"] for _ in range(3)]
        assert rest == [3, 4, 5]
        queue.close()


@pytest.mark.django_db
def test_the_sweeper_does_it(path, settings):
    with Connection(settings.CELERY_BROKER_URL) as connection:
        queue = connection.SimpleQueue("review")
        queue.put({})
        queue.get(block=False).ack()
        queue.close()
    tasks.sweep_jobs()
    assert messages(path) == 0


@pytest.mark.django_db
def test_a_file_that_another_holds_is_left_for_the_next_time(path, monkeypatch, caplog):
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE kombu_message (visible BOOLEAN)")
        other.execute("INSERT INTO kombu_message VALUES (0)")
        other.commit()
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(broker, "TIMEOUT_SECONDS", 0.01)
        tasks.sweep_jobs()
        other.rollback()
    assert "locked" in caplog.text
    assert messages(path) == 1


def test_a_broker_that_has_not_begun_is_not_made(path):
    assert broker.forget_delivered() == 0
    assert not path.exists()
    path.write_bytes(b"")
    assert broker.forget_delivered() == 0


@pytest.mark.parametrize("url", ["redis://localhost:6379/0", "memory://"])
def test_other_brokers_are_left_alone(settings, url):
    settings.CELERY_BROKER_URL = url
    assert broker.forget_delivered() == 0
