"""Import incidents of another system, with their pictures, into a camera's review queue."""

from pathlib import Path

from django.core.management.base import CommandError

from detection.services import cameras
from hitlsite.commands import Command as DoorCommand
from hitlsite.commands import write_json
from review.services import imports

REFUSALS_SHOWN = 50


class Command(DoorCommand):
    help = (
        "Make items of incidents in a file of JSON lines; their pictures and clips lie in a folder "
        "as {incident_id}_frame_* and {incident_id}_clip.mp4. Exit code 1 where a line is refused."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, help="one incident a line, JSON")
        parser.add_argument("--camera", required=True, help="name; it must exist")
        parser.add_argument("--site", default="", help="name; needed when there are several")
        parser.add_argument("--evidence", type=Path, required=True, help="folder of the pictures")
        parser.add_argument("--json", type=Path, metavar="OUT", help="write a report here")

    def handle(self, *args, file, camera, **options):
        row = cameras.find_camera(camera, options["site"])
        total = file.stat().st_size if file.is_file() else None
        with self.progress(total, "B", unit_scale=True) as bar:

            def show(read, report):
                bar.set_postfix_str(f"{len(report.imported)} new, {len(report.refused)} refused")
                bar.update(read - bar.n)

            report = imports.import_incidents(
                file, camera=row, evidence_dir=options["evidence"], progress=show
            )
        if options["json"]:
            write_json(options["json"], _as_dict(report))
        for number, key, sentence in report.refused[:REFUSALS_SHOWN]:
            self.stdout.write(f"line {number}: {key}: {sentence}")
        if len(report.refused) > REFUSALS_SHOWN:
            self.stdout.write(f"... and {len(report.refused) - REFUSALS_SHOWN} more; see --json")
        self.stdout.write(
            f"{len(report.imported)} imported, {len(report.unchanged)} unchanged,"
            f" {len(report.refused)} refused"
        )
        if report.refused:
            raise CommandError(f"{len(report.refused)} lines were not imported.", returncode=1)


def _as_dict(report):
    names = ("line", "incident_id", "item")
    return {
        "lines": report.lines,
        "imported": [dict(zip(names, row, strict=True)) for row in report.imported],
        "unchanged": [dict(zip(names, row, strict=True)) for row in report.unchanged],
        "refused": [
            {"line": number, "key": key, "error": sentence}
            for number, key, sentence in report.refused
        ],
    }
