"""Try a footage again that could not be ingested."""

from detection.services import failures
from hitlsite.commands import Command as DoorCommand


class Command(DoorCommand):
    help = "Let the workers take a failed or waiting footage again, at once."

    def add_arguments(self, parser):
        parser.add_argument(
            "--footage", type=int, required=True, metavar="ID", help="as watch and the admin say it"
        )

    def handle(self, *args, footage, **options):
        row = failures.find(footage)
        failures.requeue(row)
        self.stdout.write(f"Footage {row.pk} ({row}) is queued; the workers take it from here.")
