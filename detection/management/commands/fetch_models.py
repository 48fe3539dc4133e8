"""Get the model weights, or look at those that are there."""

from pathlib import Path

from django.conf import settings

from hitlsite.commands import Command as DoorCommand
from hitlsite.commands import write_json
from hitlsite.errors import DomainError

DOUBTFUL = ("missing", "different")


class Command(DoorCommand):
    help = "Download the default weights that the model directory lacks; verify what is there."

    def add_arguments(self, parser):
        parser.add_argument("names", nargs="*", help="files (the default weights)")
        parser.add_argument("--check", action="store_true", help="download nothing, only verify")
        parser.add_argument("--json", type=Path, metavar="OUT", help="write a report here")

    def handle(self, *args, names, check, **options):
        from detection.vision import weights

        folder = Path(settings.MODEL_DIR)
        wanted = weights.known(names)
        if check:
            told = {one.name for one in wanted}
            found = [one for one in weights.verify_models(folder) if one.name in told]
            for status in found:
                self._tell(status)
        else:
            found = self._fetch(folder, wanted)
        if options["json"]:
            report = {"model_dir": str(folder), "weights": [one.as_dict() for one in found]}
            write_json(options["json"], report)

    def _fetch(self, folder, wanted):
        from detection.vision import weights

        with self.progress(len(wanted), "file") as bar:

            def report(status):
                self._tell(status, bar)
                bar.update()

            try:
                return weights.fetch_models(folder, [one.name for one in wanted], report=report)
            except OSError as error:
                reason = error.strerror or str(error)
                message = f"The model directory {folder} cannot be written: {reason}."
                raise DomainError("model_dir_unwritable", message) from error

    def _tell(self, status, bar=None):
        """Print a file's line above the bar; what a person should look at on standard error."""
        out = self.stderr if status.status in DOUBTFUL else self.stdout
        if bar is None:
            out.write(f"{status.sentence}.")
        else:
            bar.write(f"{status.sentence}.", file=out)
