"""Start-up checks of the configuration."""

import os

from django.conf import settings
from django.core.checks import Error, Warning, register


@register()
def data_dir_is_writable(app_configs, **kwargs):
    if os.access(settings.DATA_DIR, os.W_OK):
        return []
    return [Error(f"SECOND_LOOK_DATA_DIR {settings.DATA_DIR} cannot be written.", id="hitlsite.E1")]


@register(deploy=True)
def production_has_real_parts(app_configs, **kwargs):
    found = []
    engine = settings.DATABASES["default"]["ENGINE"]
    if settings.PRODUCTION and engine.endswith("sqlite3"):
        found.append(
            Warning(
                "PRODUCTION runs on SQLite: one machine, one writer at a time.",
                hint="Set DATABASE_URL to a PostgreSQL database.",
                id="hitlsite.W1",
            )
        )
    if settings.PRODUCTION and settings.CELERY_BROKER_URL.startswith("sqla"):
        found.append(
            Warning(
                "PRODUCTION uses the embedded broker.",
                hint="Set CELERY_BROKER_URL to Redis or RabbitMQ.",
                id="hitlsite.W2",
            )
        )
    return found
