"""Keep the embedded broker small.

Its transport only marks a message as delivered and never deletes one, so that the file would grow
for as long as the product runs. A delivered message is of no more use to anybody: what must not be
lost are rows.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from django.conf import settings

EMBEDDED = "sqla+sqlite:///"
TIMEOUT_SECONDS = 10


def forget_delivered():
    """Delete the delivered messages of the embedded broker; return how many that were.

    Any other broker forgets by itself: then this does nothing and returns 0.

    Raises:
        sqlite3.OperationalError: another process holds the file for too long.
    """
    url = settings.CELERY_BROKER_URL
    path = Path(url.removeprefix(EMBEDDED))
    if not url.startswith(EMBEDDED) or not path.is_file():
        return 0
    with closing(sqlite3.connect(path, timeout=TIMEOUT_SECONDS)) as connection, connection:
        is_there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'kombu_message'")
        if is_there.fetchone() is None:
            return 0
        return connection.execute("DELETE FROM kombu_message WHERE visible = 0").rowcount
