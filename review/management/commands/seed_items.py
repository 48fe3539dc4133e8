"""Fill a site of its own with items, to try the review with many of them."""

from pathlib import Path
from time import perf_counter

from hitlsite.commands import Command as DoorCommand
from hitlsite.commands import write_json
from review.services import seeding


class Command(DoorCommand):
    help = "Make a new site with many pending items that nobody filmed, to try the review with."

    def add_arguments(self, parser):
        parser.add_argument("--site", required=True, help="name of the site to make")
        parser.add_argument("--count", type=int, default=10_000, help="items (10000)")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--json", type=Path, metavar="OUT", help="write a report here")

    def handle(self, *args, site, count, seed, json, **options):
        begun = perf_counter()
        with self.progress(count, "item") as bar:
            made = seeding.seed(
                site, count, seed=seed, progress=lambda done: bar.update(done - bar.n)
            )
        seconds = perf_counter() - begun
        self.stdout.write(f"{count} items at {made.name} in {seconds:.1f} s.")
        if json:
            write_json(json, {"site": made.pk, "items": count, "seconds": round(seconds, 2)})
