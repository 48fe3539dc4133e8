"""What ``demo --learn`` shows: how the product learns from what is confirmed, with all the figures.

The steps are services; this file only says what is going on while they work.
"""

import time

from django.contrib.auth import get_user_model
from django.core.management import call_command

from detection.models import Footage
from hitlsite.commands import counted
from training.services import demo_comparison, demo_learning

PICTURES_A_LINE = 48


class LearningDemo:
    """Runs the loop once, or finds that it was run.

    Args:
        command: the management command that shows it: its ``stdout`` and its ``progress``.
        site: where the demo's cameras are.
        reviewer, admin: names of the people who confirm and deploy.
        watch: options of the command ``watch`` for the demo's scene.
        truth: path of the JSON that ``demo_comparison.keep_truth`` wrote.
        folder: where the pictures at the end go.
    """

    def __init__(self, command, site, *, reviewer, admin, watch, truth, folder):
        people = get_user_model().objects
        self._command, self._site, self._watch = command, site, watch
        self._reviewer = people.get(username=reviewer)
        self._admin = people.get(username=admin)
        self._truth, self._folder = truth, folder
        self._began = time.monotonic()

    def run(self):
        """Show everything; the caller has watched the scene once already."""
        before = self._footage()
        self._take_pictures()
        dataset = self._freeze()
        run = self._learn(dataset)
        decision = demo_learning.judgement(run)
        self._tell_judgement(dataset, decision)
        deployment, served = demo_learning.deploy(decision, by=self._admin)
        if deployment is None:
            self._say(
                "It is not deployed, and what serves goes on serving. On a machine with weights"
                " SECOND_LOOK_DETECTOR=motion shows the loop as it is without any."
            )
            return
        word = "serves already" if served else "is deployed: it serves every camera from now on"
        self._say(f"{decision.version.name} {word}.")
        self._say("The same scene again, in this same process.")
        session = f"after {decision.version.name}"
        call_command("watch", session=session, stdout=self._command.stdout, **self._watch)
        self._compare(before, self._footage(session=session), decision)

    def _say(self, text):
        minutes, seconds = divmod(round(time.monotonic() - self._began), 60)
        self._command.stdout.write(f"[{minutes:2d}:{seconds:02d}] {text}")
        self._command.stdout.flush()

    def _footage(self, **wanted):
        found = Footage.objects.select_related("deployment").filter(
            camera__site=self._site, camera__name=self._watch["camera"], **wanted
        )
        return found.order_by("pk").first()

    def _take_pictures(self):
        count = demo_learning.PLACES * demo_learning.MOMENTS
        self._say(
            f"Pictures: {count} of {demo_learning.PLACES} rendered places, from"
            f" {demo_learning.CAMERAS} demo cameras, taken in as imported photos. Those cameras"
            " have nothing else, so these pictures judge too; where a camera is named as rendered,"
            " its pictures would only train."
        )
        self._say(
            "The renderer's own boxes stand in for the reviewer, and for the detector of the faces"
            " that are hidden in them. Nobody looked at these pictures."
        )
        with self._command.progress(count, "picture") as bar:

            def told(done, total):
                bar.update(done - bar.n)
                if done % PICTURES_A_LINE == 0 or done == total:
                    with bar.external_write_mode():
                        self._say(f"  {done} of {total} boxed and confirmed")

            taken = demo_learning.take_pictures(self._site, by=self._reviewer, progress=told)
        people = counted(taken.people, "person", "people")
        self._say(
            f"{taken.new} new, {taken.known} there already: {people} in them, {taken.empty} with"
            " nobody in view."
        )

    def _freeze(self):
        dataset = demo_learning.freeze(self._site, by=self._admin)
        of_split = dataset.counts["by_split"]
        groups = dataset.counts["groups"]
        told = ", ".join(
            f"{of_split[split]} of {groups[split]} places {verb}"
            for split, verb in (("train", "train"), ("val", "validate"), ("test", "test"))
        )
        self._say(f"Frozen as {dataset} ({dataset.manifest_sha256[:12]}): {told}.")
        return dataset

    def _learn(self, dataset):
        told = {"stage": "", "epoch": 0}
        with self._command.progress(None, "step") as bar:

            def listen(row):
                bar.total, bar.n = row.progress_total or None, row.progress_done
                bar.set_postfix_str(row.progress_message, refresh=False)
                bar.refresh()
                with bar.external_write_mode():
                    self._tell_run(row, told)

            run, was_done = demo_learning.learn(dataset, by=self._admin, listener=listen)
        if was_done:
            self._say(f"Unchanged: {run} learned from the same pictures already.")
        return run

    def _tell_run(self, row, told):
        if not told["stage"]:
            epochs = demo_learning.PARAMETERS["epochs"]
            self._say(f"{row} begins with nothing: a small YOLO, {epochs} epochs.")
        if row.stage != told["stage"]:
            told["stage"] = row.stage
            self._say(f"  {row.get_stage_display()}")
        for figures in row.history:
            if figures["epoch"] > told["epoch"]:
                told["epoch"] = figures["epoch"]
                map50 = figures.get("map50")
                validated = "" if map50 is None else f", mAP50 {map50:.3f} on validation"
                loss = figures["box_loss"] + figures["cls_loss"]
                seconds = figures["seconds"]
                self._say(f"  epoch {told['epoch']}: loss {loss:.2f}{validated}; {seconds:.0f} s")

    def _tell_judgement(self, dataset, decision):
        figures, report = decision.challenger.figures, decision.report
        champion = decision.champion.name if decision.champion else "nothing that knows a class"
        self._say(
            f"On {figures['items']} pictures of {figures['groups']} places that it has never seen:"
            f" {decision.version.name} mAP50 {figures['map50']:.3f}, what served ({champion})"
            f" {report['champion']:.3f}."
        )
        self._say(f"The gate says {decision.outcome}. {' '.join(report['reasons'])}")

    def _compare(self, before, after, decision):
        scene = self._watch["video"]
        columns = [("before", before), ("after", after)]
        write, width = self._command.stdout.write, 24
        write("")
        write(f"{'':<{width}} incidents  in view  found  boxes  recall  precision  called")
        for caption, footage in columns:
            told = demo_comparison.watched(footage, self._truth)
            name = f"{caption} ({told.detector})"
            write(
                f"{name:<{width}} {told.incidents:9d}  {told.in_view:7d}  {told.found:5d}"
                f"  {told.boxes:5d}  {told.recall:6.3f}  {told.precision:9.3f}"
                f"  {', '.join(told.called)}"
            )
            target = self._folder / f"{caption}.jpg"
            demo_comparison.draw(scene, [(caption, footage)], target)
        target = self._folder / "before-and-after.jpg"
        demo_comparison.draw(scene, columns, target)
        write(
            "In view: people in sampled frames, by the renderer; found: with a box on them that"
            " overlaps by half or more."
        )
        for name in ("before.jpg", "after.jpg", "before-and-after.jpg"):
            write(f"  {self._folder / name}")
        self._say(f"Done; {decision.version.name} can be taken back on its page.")
