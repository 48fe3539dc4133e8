"""The base of every management command: a refusal is one line on standard error and exit code 2."""

import json

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from hitlsite.errors import DomainError


class Command(BaseCommand):
    """A command whose work may be refused."""

    def execute(self, *args, **options):
        try:
            return super().execute(*args, **options)
        except DomainError as error:
            raise CommandError(error.message, returncode=2) from error
        except OperationalError as error:
            raise CommandError(f"The database: {error}", returncode=2) from error

    def progress(self, total, unit, **options):
        """Return a progress bar (tqdm); silent where standard error is not a terminal."""
        from tqdm import tqdm

        return tqdm(total=total, unit=unit, disable=None, dynamic_ncols=True, **options)


def write_json(path, report):
    """Write a report for machines; DomainError names a path that cannot be written."""
    try:
        path.write_text(json.dumps(report, indent=2, default=str) + "\n")
    except OSError as error:
        reason = error.strerror or str(error)
        raise DomainError("report_unwritable", f"{path} cannot be written: {reason}.") from error
