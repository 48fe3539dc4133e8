"""Import pictures with boxes from other programs, in the foreground."""

from pathlib import Path

from django.core.management.base import CommandError

from detection.services import cameras
from hitlsite import commands
from hitlsite.commands import counted
from review.services import labels_import

MOST_TOLD = 20


class Command(commands.Command):
    help = "Import a YOLO folder or a COCO file: its pictures as photos of a camera, with boxes."

    def add_arguments(self, parser):
        parser.add_argument("source", type=Path, help="YOLO folder, or COCO file or its folder")
        parser.add_argument("--camera", required=True, help="name of the camera that took them")
        parser.add_argument("--site", default="", help="name of its site, where there are several")
        parser.add_argument("--by", default="", help="user name of the person whose boxes they are")
        parser.add_argument(
            "--add-classes", action="store_true", help="add the classes that the site lacks"
        )
        parser.add_argument("--json", type=Path, help="write the report here as JSON")

    def handle(self, *args, source, camera, site, by, add_classes, **options):
        camera = cameras.find_camera(camera, site)
        person = labels_import.find_person(by)
        folder = labels_import.read(source)
        with self.progress(len(folder.pictures), "pictures") as bar:
            report = labels_import.import_labels(
                folder,
                camera=camera,
                by=person,
                add_classes=add_classes,
                progress=lambda done: bar.update(done - bar.n),
            )
        if options["json"]:
            commands.write_json(options["json"], vars(report))
        self.stdout.write(
            f"{counted(report.imported, 'picture')} imported with"
            f" {counted(report.boxes, 'box', 'boxes')}, of them reviewed negatives:"
            f" {report.negatives}; with boxes already: {report.known}, without labels:"
            f" {len(report.unlabelled)}"
        )
        if report.added_classes:
            self.stdout.write(f"classes added: {', '.join(report.added_classes)}")
        self._tell_problems(report.problems)

    def _tell_problems(self, problems):
        for problem in problems[:MOST_TOLD]:
            self.stderr.write(problem)
        if len(problems) > MOST_TOLD:
            self.stderr.write(f"and {len(problems) - MOST_TOLD} more")
        if problems:
            raise CommandError(
                f"{counted(len(problems), 'problem')}; nothing was taken of those files."
            )
