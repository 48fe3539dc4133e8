"""Cut features into windows, freeze them and write them as arrays, as the operator."""

from pathlib import Path

from detection.slots import TASK_CLASSIFIER
from hitlsite.commands import Command as DoorCommand
from hitlsite.commands import counted, refusal, write_json
from hitlsite.errors import DomainError
from hitlsite.models import Site
from training.learning import balancing
from training.models import Dataset, FeatureSet
from training.selectors import datasets as selectors
from training.services import datasets, feature_files, features, task_dataset_folder

OWN_LABELS = 0


class Command(DoorCommand):
    help = (
        "Cut features of videos into windows, freeze them as a dataset and write X_*.npy, y_*.npy"
        " and metadata.json into a folder."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--features",
            nargs="+",
            type=Path,
            metavar="PARQUET",
            help="tables of features; one that is not known yet is taken in",
        )
        parser.add_argument(
            "--feature-set",
            nargs="+",
            type=int,
            metavar="ID",
            help="finished features by id; without either, the newest of every labelled video",
        )
        parser.add_argument(
            "--site", metavar="NAME", help="where all this is; needed where there are several sites"
        )
        labels = parser.add_mutually_exclusive_group()
        labels.add_argument("--label-set", metavar="NAME", help="needed where there are several")
        labels.add_argument(
            "--own-labels", action="store_true", help="those in the tables' own label column"
        )
        parser.add_argument("--output", required=True, type=Path, metavar="DIR")
        parser.add_argument("--window-sec", type=float, help="seconds of a window (2.0)")
        parser.add_argument("--step-sec", type=float, help="seconds between two ends (0.5)")
        parser.add_argument("--balance", choices=balancing.WAYS, help="of what trains (none)")
        parser.add_argument("--train-ratio", type=float, help="(0.7)")
        parser.add_argument("--val-ratio", type=float, help="(0.15)")
        parser.add_argument("--test-ratio", type=float, help="(0.15)")
        parser.add_argument(
            "--detector-mode",
            choices=FeatureSet.Detector.values,
            help="which columns; those that all of the features have where it is not given",
        )
        parser.add_argument("--seed", type=int, help="of the balance (0)")
        parser.add_argument("--json", type=Path, help="write the report here as JSON")

    def handle(self, *args, **given):
        task_dataset_folder.require_free(given["output"])
        site = _site(given["site"])
        chosen = [*(given["feature_set"] or ()), *self._taken_in(given, site)]
        options = _options(given) | ({"feature_sets": sorted(set(chosen))} if chosen else {})
        asked = datasets.freeze(slot=TASK_CLASSIFIER, sites=[site], options=options)
        dataset = self._frozen(asked)
        with self.progress(None, "windows") as bar:

            def show(done, total):
                bar.total = total
                bar.update(done - bar.n)

            told = task_dataset_folder.write(dataset, given["output"], show)
        if given["json"]:
            write_json(given["json"], told | {"output": str(given["output"])})
        self._say(dataset, told, given["output"], is_new=dataset.pk == asked.pk)

    def _taken_in(self, given, site):
        """Return the ids of the features in these files, taken in where they are not known."""
        found = []
        for path in given["features"] or ():
            if not path.is_file():
                raise DomainError("features_missing", f"There is no file {path}.")
            row = feature_files.known(path, site, own_labels=given["own_labels"])
            if row is None:
                row = features.import_parquet(path, site=site, by=None)
                self.stdout.write(f"taken in: {path.name} as features {row.pk}")
            found.append(row.pk)
        return found

    def _frozen(self, asked):
        with self.progress(None, "videos") as bar:

            def show(done, total, message):
                bar.total = total or None
                bar.set_description(message, refresh=False)
                bar.update(done - bar.n)

            dataset = datasets.freeze_now(asked.pk, show)
        if dataset is None:
            raise refusal(f"A worker has {asked} already; see how it ends on its page.")
        if dataset.state != Dataset.State.DONE:
            raise DomainError(dataset.error_code or "not_frozen", dataset.error_message)
        return dataset

    def _say(self, dataset, told, output, *, is_new):
        if not is_new:
            self.stdout.write(f"Nothing has changed: this is {dataset} of {dataset.created_at:%F}.")
        for warning in told["warnings"]:
            self.stdout.write(f"warning: {warning}")
        for reason, number in told["left_out"].items():
            self.stdout.write(f"left out: {number} {reason.replace('_', ' ')}")
        for split, held in told["splits"].items():
            classes = ", ".join(f"{name} {number}" for name, number in held["classes"].items())
            many = f"{counted(held['windows'], 'window')} in {counted(held['groups'], 'group')}"
            self.stdout.write(f"{split}: {many}: {classes}")
        self.stdout.write(f"{dataset.manifest_sha256}  {dataset}")
        self.stdout.write(f"{output}")


def _site(name):
    """Return the site that is named, or the only one there is."""
    found = selectors.sites_named([name]) if name else list(Site.objects.all())
    if len(found) != 1:
        there = ", ".join(site.name for site in found) or "none"
        raise DomainError("site_needed", f"Name the site with --site; there are: {there}.")
    return found[0]


def _options(given):
    named = {
        "label_set": OWN_LABELS if given["own_labels"] else given["label_set"],
        "window_seconds": given["window_sec"],
        "step_seconds": given["step_sec"],
        "balance": given["balance"],
        "train_ratio": given["train_ratio"],
        "val_ratio": given["val_ratio"],
        "test_ratio": given["test_ratio"],
        "detector_mode": given["detector_mode"],
        "seed": given["seed"],
    }
    return {name: value for name, value in named.items() if value is not None}
