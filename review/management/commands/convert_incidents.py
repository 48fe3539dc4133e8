"""Convert closed incidents into training items now, in the foreground."""

from pathlib import Path

from django.core.management.base import CommandError

from hitlsite import commands
from review.services import conversion, proposing


class Command(commands.Command):
    help = "Make a training item of every closed incident, scan it and propose its redaction."

    def add_arguments(self, parser):
        parser.add_argument("--limit", type=int, default=100_000, help="at most so many incidents")
        parser.add_argument(
            "--no-proposals", action="store_true", help="leave the redactions to a worker"
        )
        parser.add_argument("--json", type=Path, help="write the report here as JSON")

    def handle(self, *args, limit, no_proposals, **options):
        if limit < 1:
            raise CommandError("--limit must be 1 or more.", returncode=2)
        total = min(conversion.waiting_incidents().count(), limit)
        with self.progress(total, "incidents") as bar:
            report = conversion.convert_ready(
                limit=limit, progress=lambda done: bar.update(done - bar.n)
            )
        proposed = 0 if no_proposals else self._propose()
        if options["json"]:
            commands.write_json(options["json"], _as_dict(report, proposed))
        for item in report.converted:
            self.stdout.write(f"ITEM {item.pk} {item.category} privacy={item.privacy}")
        self.stdout.write(
            f"{len(report.converted)} converted, {len(report.rescanned)} scanned again,"
            f" {proposed} redactions proposed, {len(report.failed)} failed"
        )
        if report.failed:
            pk, error = report.failed[0]
            raise CommandError(f"Incident {pk} was not converted: {error}")

    def _propose(self):
        waiting = list(proposing.waiting_items().values_list("pk", flat=True))
        with self.progress(len(waiting), "redactions") as bar:
            for pk in waiting:
                proposing.propose_waiting(pk)
                bar.update()
        return len(waiting)


def _as_dict(report, proposed):
    return {
        "converted": [item.pk for item in report.converted],
        "rescanned": [item.pk for item in report.rescanned],
        "failed": [{"incident": pk, "error": error} for pk, error in report.failed],
        "proposed": proposed,
    }
