"""Train a slot in the foreground, with everything that the nightly run does but its conditions."""

from pathlib import Path

from hitlsite import commands
from training.models import TrainingRun
from training.services import runs


class Command(commands.Command):
    help = (
        "Train a slot on a frozen dataset, evaluate the new version and ask the gate. It is"
        " deployed only where the slot's policy says so."
    )

    def add_arguments(self, parser):
        parser.add_argument("--slot", required=True)
        parser.add_argument("--dataset", type=int, help="id; the slot's newest without it")
        parser.add_argument("--algorithm", default="", help="the slot's usual one without it")
        parser.add_argument("--epochs", type=int, help="of a detector (50)")
        parser.add_argument("--batch", type=int, help="of a detector (16)")
        parser.add_argument("--base", type=Path, help="weights to begin with")
        parser.add_argument(
            "--parameter", action="append", default=[], help="NAME=VALUE, as often as needed"
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--force", action="store_true", help="even on the same inputs")
        parser.add_argument("--json", type=Path, help="write the result here as JSON")

    def handle(self, *args, slot, dataset, algorithm, seed, force, **options):
        started = runs.start(
            slot=slot,
            trigger=TrainingRun.Trigger.COMMAND,
            dataset_id=dataset,
            algorithm=algorithm,
            parameters=self._parameters(options),
            seed=seed,
            force=force,
        )
        run = started.run
        if started.is_unchanged:
            self.stdout.write(f"UNCHANGED {run} was done with the same inputs.")
        else:
            self.stdout.write(f"{run} on {run.dataset}")
            run = self._watched(run)
        self._tell(run, started.is_unchanged)
        if options["json"]:
            report = {
                "run": run.number,
                "state": run.state,
                "unchanged": started.is_unchanged,
                "result": run.result,
                "history": run.history,
                "error": run.error_message,
            }
            commands.write_json(options["json"], report)
        if run.state != run.State.DONE:
            raise commands.refusal(run.error_message or f"{run} is {run.state}.")

    def _parameters(self, options):
        given = dict(commands.named_value(text) for text in options["parameter"])
        named = {name: options[name] for name in ("epochs", "batch")}
        given |= {name: value for name, value in named.items() if value is not None}
        if options["base"] is not None:
            given["base_path"] = str(options["base"].expanduser().resolve())
        return given

    def _watched(self, run):
        with self.progress(None, "steps") as bar:

            def listen(row):
                bar.set_description(row.stage, refresh=False)
                bar.set_postfix_str(row.progress_message, refresh=False)
                bar.total, bar.n = row.progress_total or None, row.progress_done
                bar.refresh()

            done = runs.execute(run.pk, listener=listen)
        return done or TrainingRun.objects.get(pk=run.pk)

    def _tell(self, run, is_unchanged):
        for row in [] if is_unchanged else run.history:
            told = ", ".join(
                f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                for name, value in row.items()
            )
            self.stdout.write(f"  {told}")
        result = run.result
        if result:
            self.stdout.write(
                f"{result['version']}: {result['figure_name']} {result['figure']:.3f};"
                f" gate: {result['outcome']}" + (", deployed" if result["promoted"] else "")
            )
