"""Compare two detectors on labelled pictures, in the foreground."""

from dataclasses import asdict
from pathlib import Path

from hitlsite import commands
from hitlsite.commands import counted
from training.services import folder_evaluation

CLASSES_SHOWN = 20


class Command(commands.Command):
    help = (
        "Score a detector beside another one on a YOLO folder of labelled pictures, and say whether"
        " it would pass the gate. Nothing is changed."
    )

    def add_arguments(self, parser):
        parser.add_argument("--model", required=True, help="weights of the challenger")
        parser.add_argument(
            "--champion", default="auto", help="weights to compare with (the default ones)"
        )
        parser.add_argument("--images", type=Path, required=True, help="folder with data.yaml")
        parser.add_argument("--json", type=Path, help="write the report here as JSON")

    def handle(self, *args, model, champion, images, **options):
        with self.progress(None, "pictures") as bar:

            def progress(done, total):
                bar.total = total
                bar.update(done - bar.n)

            found = folder_evaluation.evaluate(
                images, champion=champion, challenger=model, progress=progress
            )
        if options["json"]:
            report = asdict(found) | {"report": found.report.as_dict()}
            commands.write_json(options["json"], report)
        self._tell(found)

    def _tell(self, found):
        say = self.stdout.write
        say(
            f"{counted(found.pictures, 'picture')} with {counted(found.boxes, 'box', 'boxes')};"
            f" {found.unlabelled} without labels, {len(found.left_out)} left out"
        )
        for role, one in (("champion", found.champion), ("challenger", found.challenger)):
            form = f"{one.backend} {one.input_size} {one.precision}"
            say(
                f"{role:10} {one.name} ({form}): mAP50 {one.map50:.3f}, mAP50-95 {one.map50_95:.3f}"
            )
        ranked = sorted(found.classes, key=lambda row: -row[1])
        for name, positives, before, after in ranked[:CLASSES_SHOWN]:
            say(f"  {name:20} {positives:5}  {before:.3f} -> {after:.3f}")
        if len(ranked) > CLASSES_SHOWN:
            say(f"  and {counted(len(ranked) - CLASSES_SHOWN, 'class', 'classes')} more")
        say(f"GATE {found.report.outcome.value}")
        for reason in found.report.reasons:
            say(f"  {reason}")
        for sentence in found.left_out:
            self.stderr.write(sentence)
