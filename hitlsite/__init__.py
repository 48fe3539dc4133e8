"""The foundation: settings, people and sites, jobs, audit, errors, and the glue of the project."""

# Imported here so that every process binds its tasks to this broker, not to a default one.
from hitlsite.celery import app as celery_app

__all__ = ["celery_app"]
