"""Classify what people do in a video, in the foreground."""

from pathlib import Path

from detection.services import cameras
from hitlsite.commands import Command as DoorCommand
from hitlsite.commands import counted, refusal, write_json
from hitlsite.errors import DomainError
from training.services import classifying, features, task_models

SMOOTHINGS = ("median", "ema", "none")
SPANS_SHOWN = 40


class Command(DoorCommand):
    help = (
        "Say what people do in a video: a label for every frame that a task classifier looks at, "
        "and the stretches that come of them. Nothing is stored without --store."
    )

    def add_arguments(self, parser):
        parser.add_argument("--video", type=Path, required=True, help="a video file")
        parser.add_argument(
            "--model",
            default=task_models.LATEST,
            metavar="latest|NAME|DIR",
            help="what serves or else the newest version (latest), a version by its name, or the "
            "folder of a trained model",
        )
        parser.add_argument(
            "--smoothing", choices=SMOOTHINGS, default="median", help="of the labels (median)"
        )
        parser.add_argument(
            "--smoothing-sec", type=float, default=1.0, metavar="S", help="over how long (1.0)"
        )
        parser.add_argument(
            "--store", action="store_true", help="keep what the deployed classifier says"
        )
        parser.add_argument(
            "--camera", default="", metavar="NAME", help="whose video it is; needed with --store"
        )
        parser.add_argument("--site", default="", help="name; needed when there are several")
        parser.add_argument("--json", type=Path, metavar="OUT", help="write the whole answer here")

    def handle(self, *args, video, model, **options):
        smoothing = {
            "smoothing": options["smoothing"],
            "smoothing_seconds": options["smoothing_sec"],
        }
        if options["store"]:
            self._refuse_unlike_live(options)
        chosen = task_models.choose(model)
        footage = self._registered(video, chosen, options) if options["store"] else None
        with self.progress(None, "s", bar_format="{percentage:3.0f}% |{bar}| {n:.0f} s") as bar:

            def progress(done, total):
                bar.total = total or None
                bar.update(done - bar.n)

            if footage is not None:
                found = classifying.classify_footage(
                    footage, chosen, progress=progress, **smoothing
                )
            else:
                found = classifying.classify(
                    video,
                    chosen,
                    camera=self._camera(options),
                    progress=progress,
                    **smoothing,
                )
        new = classifying.store(footage, found) if footage is not None else None
        if options["json"]:
            write_json(options["json"], found.as_dict())
        self._tell(found, new)

    def _refuse_unlike_live(self, options):
        if not options["camera"]:
            raise refusal("--store needs --camera: whose video is it?")
        if (options["smoothing"], options["smoothing_sec"]) != ("median", 1.0):
            raise refusal("What is kept is smoothed as a camera smooths it: median over 1 s.")

    def _registered(self, video, chosen, options):
        if chosen.deployment is None:
            message = f"{chosen.name} is not deployed: only what serves is kept as said."
            raise DomainError("not_deployed", message)
        return features.register_video(
            video, site_name=options["site"], camera_name=options["camera"]
        )

    def _camera(self, options):
        """Return the camera whose detector measures, None for the setting's."""
        name = options["camera"]
        return cameras.find_camera(name, options["site"]) if name else None

    def _tell(self, found, new):
        for warning in found.warnings:
            self.stderr.write(f"warning: {warning}")
        for span in found.spans[:SPANS_SHOWN]:
            self.stdout.write(
                f"{span.start_seconds:9.1f} {span.end_seconds:9.1f} s  {span.label}  "
                f"{span.confidence:.2f} (lowest {span.lowest:.2f})"
            )
        if len(found.spans) > SPANS_SHOWN:
            self.stdout.write(f"and {counted(len(found.spans) - SPANS_SHOWN, 'span')} more")
        latency = found.latency
        told = f"; {latency['median']:.2f} ms a sample, p95 {latency['p95']:.2f}" if latency else ""
        self.stdout.write(
            f"{found.chosen.name}: {counted(found.frames, 'frame')} looked at, "
            f"{counted(len(found.samples), 'sample')}, {counted(len(found.spans), 'span')}{told}"
        )
        if new is not None:
            self.stdout.write(f"{counted(new, 'sample')} kept that were not there yet.")
