"""Run other rules over a camera's stored tracks and print what they change, without video."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from detection.services import cameras, replay, rule_imports
from hitlsite.commands import Command as DoorCommand
from hitlsite.commands import write_json
from hitlsite.errors import DomainError

LONGEST_WHY = 100


class Command(DoorCommand):
    help = (
        "Run zones and rules from a file over the stored tracks of a camera, without video, and "
        "print the difference in incidents against the camera's saved rules. Nothing is stored."
    )

    def add_arguments(self, parser):
        parser.add_argument("--camera", required=True, help="name")
        parser.add_argument("--site", default="", help="name; needed when there are several")
        parser.add_argument("--footage", type=int, metavar="ID", help="only this session")
        parser.add_argument(
            "--config", type=Path, required=True, help="zones and rules to try out (YAML)"
        )
        parser.add_argument("--since", default="", help="from this time on (ISO 8601, site time)")
        parser.add_argument("--until", default="", help="up to this time (ISO 8601, site time)")
        parser.add_argument("--json", type=Path, metavar="OUT", help="write the difference here")

    def handle(self, *args, camera, config, **options):
        row = cameras.find_camera(camera, options["site"])
        since = read_time(options["since"], "--since", row)
        until = read_time(options["until"], "--until", row)
        if since and until and since >= until:
            raise DomainError("window_invalid", "--since must be earlier than --until.")
        with self.progress(None, "log") as bar:

            def show(done, total):
                bar.total = total
                bar.update(done - bar.n)

            difference = replay.compare(
                row,
                read_config(config),
                since=since,
                until=until,
                footage=options["footage"],
                progress=show,
            )
        if options["json"]:
            write_json(options["json"], replay.as_json(difference))
        self._print(row, config, difference)

    def _print(self, camera, config, difference):
        zone = ZoneInfo(camera.site.time_zone)
        entries = [("appears", one) for one in difference.appeared]
        entries += [("disappears", one) for one in difference.disappeared]
        entries += [("stays", one) for _, one in difference.kept]
        entries.sort(key=lambda entry: (entry[1].opened_at, entry[1].footage_id, entry[1].key))
        width = max((len(one.category) for _, one in entries), default=0)
        for fate, one in entries:
            opened = one.opened_at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
            seconds = one.closed_at_seconds - one.opened_at_seconds
            why = one.why if len(one.why) <= LONGEST_WHY else f"{one.why[: LONGEST_WHY - 3]}..."
            self.stdout.write(
                f"{fate:<10}  {opened}  {seconds:7.1f} s  {one.category:<{width}}  {why}"
            )
        self.stdout.write(
            f"{camera}: {len(difference.before)} incidents by the saved rules, "
            f"{len(difference.after)} by {config}: {len(difference.appeared)} appear, "
            f"{len(difference.disappeared)} disappear, {len(difference.kept)} stay "
            f"({difference.row_count} rows of {difference.footage_count} sessions)."
        )


def read_config(path):
    """Return the RulesConfig of a file; DomainError names the file and the key at fault."""
    from detection.rules.config import parse_config

    return parse_config(rule_imports.read_text(path), file_name=str(path))


def read_time(text, option, camera):
    """Return an aware datetime, by the clock of the camera's site where no zone is given."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        message = f'{option} must be a time such as 2026-03-01T14:30, it is "{text[:60]}".'
        raise DomainError("time_invalid", message) from error
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(camera.site.time_zone))
