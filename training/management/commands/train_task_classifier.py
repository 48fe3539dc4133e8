"""Train a task classifier in the foreground, as every other run is trained."""

from pathlib import Path

from detection.slots import ALGORITHM_ALIASES, SLOTS, TASK_CLASSIFIER
from hitlsite import commands
from hitlsite.commands import Command as DoorCommand
from hitlsite.errors import DomainError
from training.models import ModelVersion, TrainingRun
from training.services import runs, task_dataset_folder, version_folder, version_reports

# The word on the command line, and the parameter that it sets.
PARAMETERS = {
    "agg": "agg",
    "n_estimators": "n_estimators",
    "max_depth": "max_depth",
    "learning_rate": "learning_rate",
    "epochs": "epochs",
    "batch": "batch",
    "hidden": "hidden",
    "columns": "columns",
}


class Command(DoorCommand):
    help = (
        "Train a task classifier on a frozen dataset of windows, evaluate it and ask the gate;"
        " with --output, leave its files, figures and plots in a folder."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--dataset",
            metavar="DIR|ID",
            help="a folder of build_task_dataset, or an id; the newest without it",
        )
        known = SLOTS[TASK_CLASSIFIER].algorithms
        parser.add_argument(
            "--model",
            choices=[*ALGORITHM_ALIASES, *known],
            default=known[0],
            help=f"({known[0]})",
        )
        parser.add_argument("--agg", help="stats or flatten: how a window becomes a row of numbers")
        parser.add_argument("--n-estimators", type=int, help="trees (100)")
        parser.add_argument("--max-depth", type=int, help="of a tree; no limit without it")
        parser.add_argument("--learning-rate", type=float)
        parser.add_argument("--epochs", type=int, help="at most, of networks and of online")
        parser.add_argument("--batch", type=int, help="windows a step of a network (64)")
        parser.add_argument("--hidden", type=int, help="width of a network (64)")
        parser.add_argument("--columns", help="fused, mediapipe or yolo (fused)")
        parser.add_argument(
            "--ablations",
            action="store_true",
            help="train on the columns of mediapipe alone and of the detector alone as well",
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--force", action="store_true", help="even on the same inputs")
        parser.add_argument("--output", type=Path, metavar="DIR")
        parser.add_argument("--json", type=Path, help="write the result here as JSON")

    def handle(self, *args, **given):
        if given["output"]:
            version_folder.require_free(given["output"])
        started = runs.start(
            slot=TASK_CLASSIFIER,
            trigger=TrainingRun.Trigger.COMMAND,
            dataset_id=_dataset_id(given["dataset"]),
            algorithm=given["model"],
            parameters=_parameters(given),
            seed=given["seed"],
            force=given["force"],
        )
        run = started.run
        if started.is_unchanged:
            self.stdout.write(f"UNCHANGED {run} was done with the same inputs.")
        else:
            self.stdout.write(f"{run} on {run.dataset}: {run.algorithm}")
            run = self._watched(run)
        self._tell(run, given["output"])
        if given["json"]:
            commands.write_json(given["json"], _report(run, started.is_unchanged))
        if run.state != run.State.DONE:
            raise commands.refusal(run.error_message or f"{run} is {run.state}.")

    def _watched(self, run):
        with self.progress(None, "steps") as bar:

            def listen(row):
                bar.set_description(row.stage, refresh=False)
                bar.set_postfix_str(row.progress_message, refresh=False)
                bar.total, bar.n = row.progress_total or None, row.progress_done
                bar.refresh()

            done = runs.execute(run.pk, listener=listen)
        return done or TrainingRun.objects.get(pk=run.pk)

    def _tell(self, run, output):
        version = ModelVersion.objects.filter(run=run).first()
        if run.state != run.State.DONE or version is None:
            return
        decision = version.judgements.first()
        figures = decision.challenger.figures
        for name in ("accuracy", "macro_f1", "weighted_f1"):
            self.stdout.write(f"test {name.replace('_', ' ')}: {figures[name]:.3f}")
        for row in figures["classes"]:
            self.stdout.write(
                f"  {row['name']}: precision {row['precision']:.3f}, recall {row['recall']:.3f},"
                f" F1 {row['f1']:.3f} of {row['truths']}"
            )
        self._tell_ablations(version_reports.ablations(version))
        self.stdout.write(f"{version.name}: gate: {decision.outcome.replace('_', ' ')}")
        self._tell_gain(decision)
        for sentence in decision.report["reasons"]:
            self.stdout.write(f"  {sentence}")
        if output:
            told = version_folder.write(version, output)
            self.stdout.write(f"{output}: {', '.join(told['files'])}, {version_folder.METRICS}")

    def _tell_ablations(self, found):
        """Say what the same algorithm makes of some of the columns, macro F1 on the test split."""
        for row in found["rows"] if found else ():
            told = row.get("why") or "not tested"
            if row.get("test") is not None:
                many = commands.counted(row["count"], "column")
                told = f"test macro f1 {row['test']:.3f} with {many}"
            self.stdout.write(f"  columns {row['columns']}: {told}")

    def _tell_gain(self, decision):
        """Say between which two figures the gain is that the gate speaks of."""
        report = decision.report
        if report.get("gain") is None:
            return
        before = (
            f"that of {decision.champion.name}" if decision.champion else "where nothing served"
        )
        figure = decision.challenger.figures["figure_name"]
        self.stdout.write(
            f"  {figure} {report['challenger']:.3f}, against {report['champion']:.3f}, {before}"
        )


def _parameters(given):
    named = {name: given[word] for word, name in PARAMETERS.items() if given[word] is not None}
    return named | ({"ablations": True} if given["ablations"] else {})


def _dataset_id(text):
    """Return the id of the dataset that is named by its id or by its folder; None for none."""
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    dataset = task_dataset_folder.dataset_in(Path(text))
    if dataset.slot != TASK_CLASSIFIER:
        raise DomainError("dataset_unknown", f"{text} holds a dataset of {dataset.slot}.")
    return dataset.pk


def _report(run, is_unchanged):
    version = ModelVersion.objects.filter(run=run).first()
    decision = version.judgements.first() if version else None
    return {
        "run": run.number,
        "state": run.state,
        "unchanged": is_unchanged,
        "algorithm": run.algorithm,
        "parameters": run.parameters,
        "seed": run.seed,
        "dataset": run.dataset.manifest_sha256,
        "result": run.result,
        "history": run.history,
        "figures": decision.challenger.figures if decision else None,
        "gate": decision.report if decision else None,
        "error": run.error_message,
    }
