"""Extract features of videos in the foreground, as the operator of this machine."""

import time
from pathlib import Path

from hitlsite.commands import Command as DoorCommand
from hitlsite.commands import counted, write_json
from hitlsite.errors import DomainError
from training.models import FeatureSet
from training.services import feature_extraction, feature_files, features

LOOKED_AT_EVERY_SECONDS = 1.0
Detector = FeatureSet.Detector


class Command(DoorCommand):
    help = (
        "Measure what people in videos do with body and hands and which objects are there, one row "
        "a frame, and write it as parquet. The videos are registered but not ingested."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--video", type=Path, action="append", required=True, help="a file; may be repeated"
        )
        parser.add_argument(
            "--output",
            type=Path,
            metavar="OUT.parquet",
            help="write a copy here; for several videos a folder",
        )
        parser.add_argument(
            "--labels",
            type=Path,
            metavar="CSV",
            help="frame_index,label or start,end,label of the one video",
        )
        parser.add_argument(
            "--label-set",
            default="",
            metavar="NAME",
            help="that the labels belong to, made with them on first use",
        )
        parser.add_argument(
            "--detector",
            choices=Detector.values,
            default=Detector.FUSION,
            help="who looks: mediapipe at body and hands, yolo at objects, or both (fusion)",
        )
        parser.add_argument(
            "--sample-rate", type=int, default=1, metavar="N", help="every Nth frame (1)"
        )
        parser.add_argument(
            "--camera",
            default="",
            metavar="NAME",
            help=f"of the videos, made on first use ({features.OWN_CAMERA})",
        )
        parser.add_argument("--site", default="", help="name; needed when there are several")
        parser.add_argument("--json", type=Path, metavar="OUT", help="write a report here")

    def handle(self, *args, video, output, labels, label_set, **options):
        videos = list({path.resolve(): path for path in video}.values())
        targets = feature_files.targets(videos, output)
        asked = features.register_and_ask(
            videos,
            site_name=options["site"],
            camera_name=options["camera"],
            detector=options["detector"],
            sample_rate=options["sample_rate"],
            labels=feature_files.labels_text(labels) if labels else "",
            label_set=label_set,
            trigger="command",
        )
        reports = [
            self._reported(row, target, label_set)
            for row, target in zip(asked, targets, strict=True)
        ]
        if options["json"]:
            write_json(options["json"], reports[0] if len(reports) == 1 else {"videos": reports})
        feature_files.refuse_unsaved(reports)

    def _reported(self, row, target, label_set):
        done = row if row.is_finished else self._extracted(row)
        if done.state != FeatureSet.State.DONE:
            message = done.error_message or f"The {done} are {done.get_state_display()}."
            raise DomainError(done.error_code or "not_extracted", message)
        sha256 = ""
        if target:
            names = [one["name"] for one in done.figures.get("labels_saved", [])]
            spans = feature_files.spans_for(done, label_set or (names[-1] if names else ""))
            sha256 = feature_files.write_copy(done, target, spans)
        told = feature_files.report(done, target, sha256, is_new=not row.is_finished)
        self._say(done, told)
        return told

    def _extracted(self, row):
        with self.progress(None, "frame", desc=row.name) as bar:

            def show(done, total, message):
                bar.total = total or None
                bar.set_postfix_str(message, refresh=False)
                bar.update(done - bar.n)

            return features.extract_now(row.pk, show) or self._waited_for(row)

    def _waited_for(self, row):
        """Return the row once the worker that was faster has ended it."""
        self.stderr.write(f"A worker was faster and is extracting the {row}.")
        while not (found := feature_extraction.as_it_is(row.pk)):
            time.sleep(LOOKED_AT_EVERY_SECONDS)
        return found

    def _say(self, row, told):
        for warning in told["warnings"]:
            self.stderr.write(f"warning: {row.name}: {warning}")
        if not told["is_new"]:
            self.stdout.write(f"{row.name} was measured before by the same models.")
        saved = "".join(
            f"; {counted(one['spans'], 'span')} in label set {one['name']}"
            for one in told["labels_saved"]
            if "spans" in one
        )
        self.stdout.write(
            f"{row.name}: {counted(row.frames, 'row')}, {told['seconds']:.1f} s, "
            f"{len(told['missing'])} columns{saved}"
        )
        if told["output"]:
            self.stdout.write(f"{told['output_sha256']}  {told['output']}")
