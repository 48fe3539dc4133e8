"""Erase what one audit entry says about people, as the operator of this installation."""

from hitlsite import audit
from hitlsite.commands import Command as DoorCommand


class Command(DoorCommand):
    help = "Erase the details of one audit entry; the chain stays whole, and the act is recorded."

    def add_arguments(self, parser):
        parser.add_argument("--entry", type=int, required=True, help="number of the entry")
        parser.add_argument("--reason", required=True, help="why; written into the chain")

    def handle(self, *args, entry, reason, **options):
        made = audit.blank(entry, reason=reason)
        self.stdout.write(
            f"The details of entry {entry} are erased; entry {made.sequence} says so."
            f" Head {made.sha256}"
        )
