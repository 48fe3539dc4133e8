"""Deploy a version that has passed the gate, or let it look on or take a share of cameras."""

from hitlsite import commands
from hitlsite.errors import NotFound
from training.models import ModelVersion
from training.services import promotion


class Command(commands.Command):
    help = "Deploy a version, such as object-detector-3; or let it be a challenger."

    def add_arguments(self, parser):
        parser.add_argument("version")
        parser.add_argument("--purpose", default="", help="what it is for; stands on its card")
        parser.add_argument("--notes", default="")
        parser.add_argument("--reason", default="", help="where the gate had too little data")
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--shadow", action="store_true", help="let it only look on")
        way.add_argument("--share", type=float, help="let it serve this share of the cameras")

    def handle(self, *args, version, purpose, notes, reason, shadow, share, **options):
        found = self._found(version)
        if shadow:
            promotion.shadow(found.pk, by=None)
            self.stdout.write(f"{found} looks on.")
        elif share is not None:
            promotion.share(found.pk, by=None, share=share)
            self.stdout.write(f"{found} serves {share:.0%} of the cameras.")
        else:
            promotion.promote(found.pk, by=None, purpose=purpose, notes=notes, reason=reason)
            self.stdout.write(f"{found} serves from now on.")

    def _found(self, name):
        slot, _, number = name.rpartition("-")
        versions = ModelVersion.objects.filter(slot=slot)
        found = versions.filter(number=int(number)).first() if number.isdigit() else None
        if found is None:
            raise NotFound(f"There is no version {name}.")
        return found
