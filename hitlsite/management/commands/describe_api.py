"""Write the API's reference page from its schema."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hitlsite.api.reference import reference

PAGE = settings.BASE_DIR / "docs" / "api.md"


class Command(BaseCommand):
    help = "Write docs/api.md from the API's schema."

    def add_arguments(self, parser):
        parser.add_argument(
            "--check", action="store_true", help="only say whether the page is up to date"
        )

    def handle(self, *args, check, **options):
        from drf_spectacular.generators import SchemaGenerator

        page = reference(SchemaGenerator().get_schema(request=None, public=True))
        if not check:
            PAGE.write_text(page, encoding="utf-8")
            self.stdout.write(f"{PAGE} is written.")
        elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page:
            raise CommandError(f"{PAGE} is not what the schema says; run make api-docs.")
