"""Prove an export from its folder."""

from pathlib import Path

from django.core.management.base import CommandError

from hitlsite.commands import Command as DoorCommand
from hitlsite.commands import write_json
from training.services import exports


class Command(DoorCommand):
    help = "Check hashes, forms, boxes and faces of an export; exit code 1 and a line a problem."

    def add_arguments(self, parser):
        parser.add_argument("directory", type=Path)
        parser.add_argument("--json", type=Path, help="write the report here as JSON")

    def handle(self, *args, directory, **options):
        with self.progress(None, "pictures") as bar:

            def show(done, total):
                bar.total = total
                bar.update(done - bar.n)

            report = exports.verify(directory, progress=show)
        if options["json"]:
            write_json(options["json"], _as_dict(report))
        for problem in report.problems:
            self.stdout.write(problem)
        if not report.is_proved:
            raise CommandError(f"{len(report.problems)} problems in {directory}", returncode=1)
        looked = ", ".join(report.detectors) or "none was needed: every picture is covered whole"
        self.stdout.write(
            f"{report.exports} export, {report.items} items, {report.images} pictures: all proved"
            f" (detectors: {looked})"
        )


def _as_dict(report):
    return {
        "is_proved": report.is_proved,
        "problems": report.problems,
        "exports": report.exports,
        "items": report.items,
        "images": report.images,
        "detectors": list(report.detectors),
    }
