"""Store rows of measures from a CSV file, in the foreground."""

from dataclasses import asdict
from pathlib import Path

from detection.slots import LOD_POLICY
from hitlsite import commands
from hitlsite.commands import counted
from training import selectors
from training.services import samples

SOURCES = ("human", "outcome", "decision")


class Command(commands.Command):
    help = (
        "Store the rows of a CSV file of measures, in the form of 24 columns or the older one of "
        "14. Rows that were imported before are not stored again."
    )

    def add_arguments(self, parser):
        parser.add_argument("--csv", type=Path, required=True, help="the file")
        parser.add_argument("--slot", default=LOD_POLICY)
        parser.add_argument("--site", help="its name; needed where there are several")
        parser.add_argument(
            "--label-source",
            default="",
            choices=("", *SOURCES),
            help="what its labels are, or its decisions where it has no labels (decision)",
        )
        parser.add_argument("--json", type=Path, help="write the report here as JSON")

    def handle(self, *args, csv, slot, site, label_source, **options):
        site = selectors.site_named(site)
        with self.progress(None, "rows") as bar:

            def progress(done, total):
                bar.total = total
                bar.update(done - bar.n)

            told = samples.import_csv(csv, slot, site, label_source, progress=progress)
        if options["json"]:
            commands.write_json(options["json"], asdict(told))
        known = f"{counted(told.known, 'row')} known already"
        self.stdout.write(
            f"{counted(told.stored, 'row')} stored, {told.labelled} of them labelled; {known}"
        )
        for name in told.ignored:
            self.stderr.write(f"The column {name} is not known; it was left out.")
