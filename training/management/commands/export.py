"""Export confirmed items in the foreground, as the operator of this machine."""

from pathlib import Path

from hitlsite.commands import Command as DoorCommand
from hitlsite.commands import write_json
from training import selectors
from training.services import exports


class Command(DoorCommand):
    help = (
        "Write the confirmed items of a site as chat JSONL, COCO and manifest, and in other "
        "formats, into a folder."
    )

    def add_arguments(self, parser):
        parser.add_argument("--out", type=Path, required=True, help="folder to write to")
        parser.add_argument("--site", help="name of the site, where there are several")
        parser.add_argument("--camera", type=int, help="only this camera (id)")
        parser.add_argument("--category", help="only this category")
        parser.add_argument("--since", help="only from this day on, YYYY-MM-DD")
        parser.add_argument("--until", help="only up to this day, YYYY-MM-DD")
        parser.add_argument("--image-form", choices=exports.IMAGE_FORMS, default="file")
        parser.add_argument(
            "--variant",
            choices=exports.VARIANTS,
            default="reviewed",
            help="masked: every person is filled with black (reviewed)",
        )
        parser.add_argument(
            "--formats",
            type=_formats,
            default=(),
            metavar="A,B",
            help=f"besides: {', '.join(exports.FORMATS)}",
        )
        parser.add_argument("--json", type=Path, help="write the report here as JSON")

    def handle(self, *args, out, site, **options):
        filters = {name: options[name] for name in ("camera", "category", "since", "until")}
        with self.progress(None, "items") as bar:

            def show(done, total):
                bar.total = total
                bar.update(done - bar.n)

            export = exports.export_to(
                out,
                site=selectors.site_named(site),
                filters=filters,
                image_form=options["image_form"],
                variant=options["variant"],
                formats=options["formats"],
                progress=show,
            )
        if options["json"]:
            write_json(options["json"], _report(export))
        for row in export.files:
            self.stdout.write(f"{row['sha256']}  {row['name']}")
        if export.warned_lines:
            self.stdout.write(
                f"{export.warned_lines} of {export.item_count} lines show people: a provider may "
                "drop them; --variant masked hides everybody"
            )
        self.stdout.write(
            f"{export.item_count} items with {export.image_count} pictures in {export.directory};"
            f" left out: {sum(export.rejected.values())}"
        )


def _formats(text):
    return [name.strip() for name in text.split(",") if name.strip()]


def _report(export):
    return {
        "export": export.pk,
        "name": export.name,
        "directory": export.directory,
        "items": export.item_count,
        "images": export.image_count,
        "variant": export.variant,
        "formats": export.formats,
        "warned_lines": export.warned_lines,
        "rejected": export.rejected,
        "files": [
            {key: row[key] for key in ("name", "sha256", "byte_count")} for row in export.files
        ],
        "audit_head_sha256": export.audit_head_sha256,
    }
