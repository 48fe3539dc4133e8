"""Draw random minutes and near misses from days that are over, in the foreground."""

from datetime import date
from pathlib import Path

from django.core.management.base import CommandError

from detection.services import cameras, sampling
from hitlsite import commands


class Command(commands.Command):
    help = "Draw samples of what was not reported from days that are over; a day is drawn once."

    def add_arguments(self, parser):
        parser.add_argument("--camera", default="", help="only this camera")
        parser.add_argument("--site", default="", help="its site, where several have such a camera")
        parser.add_argument("--day", help="YYYY-MM-DD at the site; by default the last week's days")
        parser.add_argument("--json", type=Path, help="write the report here as JSON")

    def handle(self, *args, camera, site, day, **options):
        found = cameras.find_camera(camera, site) if camera else None
        with self.progress(None, "draws") as bar:

            def advance(done, total, made):
                bar.total = total
                bar.update(done - bar.n)

            report = sampling.draw_due(camera=found, day=_date(day), progress=advance)
        for made in report.drawn:
            note = f" ({made.note})" if made.note else ""
            self.stdout.write(
                f"{made.day} {made.camera}: {made.drawn} of {made.population}"
                f" {made.get_kind_display()}s{note}"
            )
        self.stdout.write(f"{len(report.drawn)} draws, {len(report.failed)} failed")
        if options["json"]:
            commands.write_json(options["json"], _as_dict(report))
        if report.failed:
            what, error = report.failed[0]
            raise CommandError(f"{what} was not drawn from: {error}")


def _date(text):
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--day {text} is no date: YYYY-MM-DD.", returncode=2) from None


def _as_dict(report):
    names = ("day", "kind", "population", "drawn", "seed", "note")
    return {
        "drawn": [
            {"camera": made.camera.name, **{name: getattr(made, name) for name in names}}
            for made in report.drawn
        ],
        "failed": [{"what": what, "error": error} for what, error in report.failed],
    }
