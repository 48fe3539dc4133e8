"""Take over another system's training settings into the policy of a slot."""

from dataclasses import asdict
from pathlib import Path

from detection.slots import LOD_POLICY
from hitlsite import commands
from training.services import retraining_import


class Command(commands.Command):
    help = (
        'Read {"training": {autoTrain, autoTrainIntervalHours, minSamplesForTraining, modelType}},'
        " at the top of a JSON file or under one more key, into the retraining policy of a slot."
    )

    def add_arguments(self, parser):
        parser.add_argument("--file", type=Path, required=True)
        parser.add_argument("--slot", default=LOD_POLICY, help=f"whose policy ({LOD_POLICY})")
        parser.add_argument("--json", type=Path, help="write what was done here as JSON")

    def handle(self, *args, file, slot, **options):
        done = retraining_import.from_file(file, slot=slot)
        for name, value in done.changed.items():
            self.stdout.write(f"{name}: {value}")
        if not done.changed:
            self.stdout.write("Nothing is new.")
        for name, value in done.ignored.items():
            self.stdout.write(f"ignored: {name} ({value}); TRAINING_HISTORY_LOG names the history")
        for name in done.outside:
            self.stdout.write(f"not looked at: {name}")
        if options["json"]:
            commands.write_json(options["json"], asdict(done))
