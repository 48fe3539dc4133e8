"""Count the items of sites anew, should the kept numbers ever differ from the rows."""

from hitlsite.commands import Command as DoorCommand
from hitlsite.errors import NotFound
from hitlsite.models import Site
from review.services import tallies


class Command(DoorCommand):
    help = "Count the items of every site, or of one, anew; say what was off."

    def add_arguments(self, parser):
        parser.add_argument("--site", metavar="NAME", help="one site instead of all")

    def handle(self, *args, site, **options):
        sites = Site.objects.filter(name=site) if site else Site.objects.order_by("name")
        if site and not sites:
            raise NotFound(f"There is no site {site!r}.")
        for one in sites:
            changes = tallies.recount(one)
            told = ", ".join(
                f"{status} {before} -> {after}" for status, (before, after) in changes.items()
            )
            self.stdout.write(f"{one.name}: {told or 'every number was right'}")
