"""Export a site's boxes for other programs, in the foreground."""

from pathlib import Path

from detection.services import cameras
from hitlsite import commands
from hitlsite.commands import counted
from review.services import labels_export

MOST_TOLD = 20


class Command(commands.Command):
    help = "Write the boxes of a site with their pictures as a YOLO folder or a COCO file."

    def add_arguments(self, parser):
        parser.add_argument("--out", type=Path, required=True, help="new folder to write")
        parser.add_argument("--site", default="", help="name of the site, where there are several")
        parser.add_argument("--format", choices=labels_export.FORMS, default="yolo")
        parser.add_argument("--json", type=Path, help="write the report here as JSON")

    def handle(self, *args, out, site, **options):
        found = cameras.find_site(site)
        with self.progress(labels_export.waiting_count(found), "items") as bar:
            report = labels_export.export_labels(
                out,
                site=found,
                form=options["format"],
                progress=lambda done: bar.update(done - bar.n),
            )
        if options["json"]:
            commands.write_json(options["json"], vars(report))
        self.stdout.write(
            f"{counted(report.pictures, 'picture')} with"
            f" {counted(report.boxes, 'box', 'boxes')} in {out},"
            f" of them reviewed negatives: {report.negatives}; left out:"
            f" {counted(len(report.left_out), 'picture')} that may not leave,"
            f" {counted(report.unconfirmed, 'box', 'boxes')} of items that are not confirmed"
        )
        for _, reason in report.left_out[:MOST_TOLD]:
            self.stderr.write(reason)
