"""Application configuration."""

from django.apps import AppConfig


class FoundationConfig(AppConfig):
    name = "hitlsite"
    verbose_name = "Foundation"

    def ready(self):
        from hitlsite import checks  # noqa: F401
