"""The base of every management command: a refusal is one line on standard error and exit code 2."""

import json

from django.conf import settings
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
            raise CommandError(_sentence_of(error), returncode=2) from error

    def progress(self, total, unit, **options):
        """Return a progress bar (tqdm); silent where standard error is not a terminal."""
        from tqdm import tqdm

        return tqdm(total=total, unit=unit, disable=None, dynamic_ncols=True, **options)


def _sentence_of(error):
    """Return what a person can do about an error of the database, in one line."""
    reason = " ".join(str(error).split())
    if "locked" not in reason:
        return f"The database: {reason}"
    seconds = settings.DATABASES["default"].get("OPTIONS", {}).get("timeout", 0)
    return (
        f"The database is locked: another process has been writing to it for {seconds:g} s. "
        "Try again once it is done."
    )


def refusal(sentence):
    """Return the error that ends a command with one line and exit code 2."""
    return CommandError(sentence, returncode=2)


def named_value(text):
    """Return (name, value) of ``NAME=VALUE``; the value is JSON where it can be read as such.

    >>> named_value("epochs=5"), named_value("base=scratch")
    (('epochs', 5), ('base', 'scratch'))

    Raises:
        CommandError: there is no ``=``.
    """
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise refusal(f"{text} is not NAME=VALUE.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def counted(number, what, many=""):
    """Return a number with what it counts: "1 box", "2 boxes".

    >>> counted(1, "item"), counted(0, "item"), counted(3, "box", "boxes")
    ('1 item', '0 items', '3 boxes')
    """
    return f"{number} {what if number == 1 else many or what + 's'}"


def write_json(path, report):
    """Write a report for machines; DomainError names a path that cannot be written."""
    try:
        path.write_text(json.dumps(report, indent=2, default=str) + "\n")
    except OSError as error:
        reason = error.strerror or str(error)
        raise DomainError("report_unwritable", f"{path} cannot be written: {reason}.") from error
