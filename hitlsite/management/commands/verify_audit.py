"""Walk the audit chain and name the first broken link."""

import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from hitlsite import audit


class Command(BaseCommand):
    help = "Walk the audit chain; exit code 1 and the first broken link where it is broken."

    def add_arguments(self, parser):
        parser.add_argument("--head", help="a head hash kept elsewhere that the chain must hold")
        parser.add_argument("--json", type=Path, help="write the report here as JSON")

    def handle(self, *args, head=None, **options):
        report = audit.verify(expected_head=head)
        if options["json"]:
            options["json"].write_text(
                json.dumps(
                    {
                        "entries": report.entries,
                        "head_sha256": report.head_sha256,
                        "is_whole": report.is_whole,
                        "broken_at": report.broken_at,
                        "reason": report.reason,
                    }
                )
            )
        if not report.is_whole:
            raise CommandError(f"broken at entry {report.broken_at}: {report.reason}", returncode=1)
        self.stdout.write(f"{report.entries} entries, whole; head {report.head_sha256}")
