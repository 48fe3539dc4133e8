"""Bring zones and rules from files of our own form or another system's to a camera."""

from pathlib import Path

from detection.services import cameras, rule_imports
from hitlsite.commands import Command as DoorCommand
from hitlsite.commands import write_json


class Command(DoorCommand):
    help = (
        "Replace a camera's zones, rules or both by what files say, in our own form or in "
        "another system's, and tell what was converted."
    )

    def add_arguments(self, parser):
        parser.add_argument("--camera", required=True, help="name")
        parser.add_argument("--site", default="", help="name; needed when there are several")
        parser.add_argument("--zones", type=Path, help="YAML or JSON; without it the zones stay")
        parser.add_argument("--rules", type=Path, help="YAML or JSON; without it the rules stay")
        parser.add_argument(
            "--frame-size", metavar="WxH", help="that pixels are of (the latest footage's)"
        )
        parser.add_argument(
            "--person-height",
            type=float,
            metavar="SHARE",
            help="of the frame's height, to convert pixels a second (0.25)",
        )
        parser.add_argument(
            "--frame-rate", type=float, help="to convert windows counted in frames (25)"
        )
        parser.add_argument("--dry-run", action="store_true", help="tell, and store nothing")
        parser.add_argument("--json", type=Path, metavar="OUT", help="write a report here")

    def handle(self, *args, camera, site, zones, rules, **options):
        row = cameras.find_camera(camera, site)
        result = rule_imports.import_rules(
            row,
            zones_text=rule_imports.read_text(zones),
            rules_text=rule_imports.read_text(rules),
            zones_file=str(zones),
            rules_file=str(rules),
            frame_size=rule_imports.parse_frame_size(options["frame_size"]),
            body_height_share=options["person_height"],
            fps=options["frame_rate"],
            dry_run=options["dry_run"],
        )
        report = rule_imports.import_report(row, result)
        self._tell(row, result, report)
        if options["json"]:
            write_json(options["json"], report)

    def _tell(self, camera, result, report):
        for zone in report["zones"]:
            points = len(zone["polygon"])
            self.stdout.write(f"zone  {zone['name']}: {zone['kind']}, {points} points")
        for rule in report["rules"]:
            where = ", ".join(rule["zones"]) or "by default"
            self.stdout.write(f"rule  {rule['name']}: {rule['kind']}, {rule['severity']}, {where}")
        for note in result.notes:
            self.stdout.write(f"note  {note}")
        did = "now has" if result.is_stored else "would have (nothing is stored)"
        counts = f"{len(report['zones'])} zones and {len(report['rules'])} rules"
        self.stdout.write(f"Camera {camera} {did} {counts}.")
