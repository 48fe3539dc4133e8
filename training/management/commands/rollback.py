"""Go back to what served before the present version."""

from hitlsite import commands
from training.services import promotion


class Command(commands.Command):
    help = "Let what served a slot before the present version serve again."

    def add_arguments(self, parser):
        parser.add_argument("--slot", required=True)
        parser.add_argument("--notes", default="")

    def handle(self, *args, slot, notes, **options):
        done = promotion.rollback(slot, by=None, notes=notes)
        before = done.detail["from"]
        if done.deployment:
            self.stdout.write(f"{slot}: {done.deployment.name} serves again, instead of {before}.")
        else:
            self.stdout.write(f"{slot}: {before} serves no longer, nor does any other version.")
