"""Watch a video in the foreground: ingest it, convert what closed, and say what was found."""

import time
from pathlib import Path

from detection.services import footage as footage_service
from detection.services import ingestion, rule_imports, summaries
from hitlsite import jobs
from hitlsite.commands import Command as DoorCommand
from hitlsite.commands import write_json
from hitlsite.errors import DomainError
from review.models import TrainingItem
from review.services import conversion, proposing

Privacy, Proposal = TrainingItem.Privacy, TrainingItem.Proposal
PRIVACY = {
    (Privacy.CLEAR, Proposal.NONE): "no face or person in view",
    (Privacy.FACES, Proposal.READY): "faces, redaction ready",
    (Privacy.FACES, Proposal.BLOCKED): "faces, redaction blocked",
    (Privacy.FACES, Proposal.WAITING): "faces, redaction to follow",
    (Privacy.FAILED, Proposal.READY): "faces cannot be ruled out, redaction ready",
    (Privacy.FAILED, Proposal.BLOCKED): "scan failed, redaction blocked",
    (Privacy.FAILED, Proposal.WAITING): "scan failed, redaction to follow",
    (Privacy.REDACTED, Proposal.NONE): "redacted",
    (Privacy.REDACTED, Proposal.READY): "redacted",
}


class Command(DoorCommand):
    help = (
        "Ingest a video file, a folder of images or a stream in the foreground, and put its "
        "incidents into the review queue."
    )

    def add_arguments(self, parser):
        parser.add_argument("--video", required=True, help="a file, a folder of images or a URL")
        parser.add_argument("--camera", required=True, help="name; made when it does not exist")
        parser.add_argument("--site", default="", help="name; needed when there are several")
        parser.add_argument("--session", default="", help="default: the sha256 of the file")
        parser.add_argument("--config", type=Path, help="zones and rules of the camera (YAML)")
        parser.add_argument("--zones", type=Path, help="instead: zones in any known dialect")
        parser.add_argument("--rules", type=Path, help="instead: rules in any known dialect")
        parser.add_argument(
            "--frame-size", metavar="WxH", help="of the pixels in them (the video's own)"
        )
        parser.add_argument("--fps", type=float, help="sampled frames a second (5)")
        parser.add_argument("--detector", help="auto, motion, or the path of weights (auto)")
        parser.add_argument("--tracker", choices=["botsort", "bytetrack"], help="(botsort)")
        parser.add_argument("--json", type=Path, metavar="OUT", help="write a report here")
        parser.add_argument(
            "--queue", action="store_true", help="leave the work to the workers and return"
        )

    def handle(self, *args, video, camera, **options):
        holder = "" if options["queue"] else jobs.new_holder()
        row = footage_service.register_watch(
            video,
            camera_name=camera,
            site_name=options["site"],
            session=options["session"],
            config_path=options["config"],
            zones_path=options["zones"],
            rules_path=options["rules"],
            frame_size=rule_imports.parse_frame_size(options["frame_size"]),
            tell=lambda note: self.stderr.write(f"note: {note}"),
            fps=options["fps"],
            detector=options["detector"],
            tracker=options["tracker"],
            holder=holder,
        )
        if not row.configuration["rules"]:
            self.stderr.write(f"warning: camera {row.camera} has no rules; give some with --config")
        if options["queue"]:
            self.stdout.write(f"Queued as footage {row.pk}; the workers take it from here.")
            return
        started = time.monotonic()
        self._ingest(row, holder)
        seconds_taken = time.monotonic() - started
        self._convert(row)
        report = summaries.footage_report(row, seconds_taken=seconds_taken)
        items = dict(
            TrainingItem.objects.filter(incident__footage=row).values_list("incident", "pk")
        )
        for entry in report["incidents"]:
            entry["item_id"] = items.get(entry["id"])
        self._summarise(row, report)
        if options["json"]:
            write_json(options["json"], report)

    def _ingest(self, row, holder):
        if row.ended_at:
            self.stdout.write(f"Camera {row.camera} has watched this already; nothing to add.")
            return
        bar = self.progress(
            round(row.duration_seconds) if row.duration_seconds else None,
            "s",
            bar_format="{percentage:3.0f}% |{bar}| {n:.0f}/{total} s {rate_fmt} x {postfix}",
        )
        with bar:
            watcher = Watcher(self.stdout, bar)
            done = ingestion.ingest_footage(row, observer=watcher, holder=holder)
        if done is None:
            raise DomainError(
                "footage_busy", f"Another worker is ingesting {row}; its incidents will come."
            )
        row.refresh_from_db()
        if row.damage:
            self.stderr.write(f"warning: {row.damage}")

    def _convert(self, row):
        """Make the items of this footage, scan them, and prepare their redactions."""
        waiting = list(conversion.waiting_incidents().filter(footage=row))
        with self.progress(len(waiting), "item", desc="privacy", leave=False) as bar:
            for incident in waiting:
                item, _ = conversion.convert(incident)
                proposing.propose_waiting(item.pk)
                item.refresh_from_db()
                with bar.external_write_mode():
                    self.stdout.write(
                        f"ITEM  {item.pk:8d}    {item.category}: "
                        f"{item.get_status_display()}, {_privacy_of(item)}"
                    )
                bar.update()

    def _summarise(self, row, report):
        speed = (report["video_seconds"] or 0) / max(report["seconds_taken"], 1e-9)
        detector = report["detector"]
        self.stdout.write(
            f"{row.camera}: {len(report['incidents'])} incidents in "
            f"{report['video_seconds']:.0f} s of video; {report['frames_sampled']} of "
            f"{report['frames_decoded']} frames sampled, {report['frames_detected']} detected on "
            f"({detector['name']}, {detector['backend']}, {detector['input_size']} px, "
            f"{detector['precision']}); {report['seconds_taken']:.1f} s, {speed:.1f} x real time."
        )


def _privacy_of(item):
    return PRIVACY.get((item.privacy, item.proposal), item.get_privacy_display())


class Watcher(ingestion.Observer):
    """Print OPEN and CLOSE lines above the bar, and move it."""

    def __init__(self, out, bar):
        self.out, self.bar = out, bar
        self.incidents = 0
        self._shown = 0.0

    def on_frame(self, at_seconds):
        if at_seconds - self._shown >= 0.5:
            self.bar.update(at_seconds - self._shown)
            self._shown = at_seconds

    def on_opened(self, incident):
        self.incidents += 1
        self.bar.set_postfix_str(f"{self.incidents} incidents")
        self._say("OPEN ", incident.opened_at_seconds, incident)

    def on_closed(self, incident):
        self._say("CLOSE", incident.closed_at_seconds, incident)

    def _say(self, word, at_seconds, incident):
        with self.bar.external_write_mode():
            self.out.write(f"{word} {at_seconds:8.1f} s  {incident.category}: {incident.why}")
