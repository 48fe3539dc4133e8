"""Freeze a dataset in the foreground, as the operator of this machine."""

import time
from pathlib import Path

from detection.slots import trainable
from hitlsite.commands import Command as DoorCommand
from hitlsite.commands import named_value, write_json
from hitlsite.errors import DomainError
from training.models import Dataset
from training.selectors import datasets as selectors
from training.services import datasets

LOOKED_AT_EVERY_SECONDS = 1.0


class Command(DoorCommand):
    help = "Freeze what people have labelled into a dataset with its splits, and say what is in it."

    def add_arguments(self, parser):
        slots = [slot.name for slot in trainable()]
        parser.add_argument("--slot", default=slots[0], choices=slots, help=f"({slots[0]})")
        parser.add_argument(
            "--site", action="append", metavar="NAME", help="only this site; may be repeated"
        )
        parser.add_argument(
            "--option",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="synthetic_cameras=3,5, whole_imports=yes, frames_per_track=3, camera_share=0.2,"
            " or one of the slot",
        )
        parser.add_argument("--json", type=Path, help="write the report here as JSON")

    def handle(self, *args, slot, site, option, **options):
        asked = datasets.freeze(
            slot=slot, sites=selectors.sites_named(site), options=dict(map(named_value, option))
        )
        with self.progress(None, "items") as bar:

            def show(done, total, message):
                bar.total = total or None
                bar.set_description(message, refresh=False)
                bar.update(done - bar.n)

            dataset = datasets.freeze_now(asked.pk, show) or self._waited_for(asked)
        if dataset.state != Dataset.State.DONE:
            raise DomainError(dataset.error_code or "not_frozen", _why(dataset))
        if options["json"]:
            write_json(options["json"], _report(dataset, is_new=dataset.pk == asked.pk))
        self._say(dataset, is_new=dataset.pk == asked.pk)

    def _waited_for(self, asked):
        """Return the dataset once the worker that was faster has ended it."""
        self.stderr.write("A worker was faster and is freezing it.")
        while not (found := datasets.as_it_is(asked.pk)):
            time.sleep(LOOKED_AT_EVERY_SECONDS)
        return found

    def _say(self, dataset, *, is_new):
        counts = dataset.counts
        if not is_new:
            self.stdout.write(f"Nothing has changed: this is {dataset} of {dataset.created_at:%F}.")
        for warning in counts["warnings"]:
            self.stdout.write(f"warning: {warning}")
        for reason, number in counts["left_out"].items():
            self.stdout.write(f"left out: {number} {reason.replace('_', ' ')}")
        copies = sum(counts["copies"].values())
        if copies:
            self.stdout.write(f"left out: {copies} near-copies of what judges")
        for row in counts["classes"]:
            told = ", ".join(f"{split} {row[split]}" for split in counts["by_split"])
            self.stdout.write(f"{row['name']}: {told}")
        told = ", ".join(f"{split} {number}" for split, number in counts["by_split"].items())
        self.stdout.write(f"{dataset.manifest_sha256}  test revision {dataset.test_revision}")
        self.stdout.write(f"{dataset}: {told}")


def _why(dataset):
    return dataset.error_message or f"{dataset} is {dataset.get_state_display()}."


def _report(dataset, *, is_new):
    return {
        "dataset": dataset.pk,
        "slot": dataset.slot,
        "number": dataset.number,
        "is_new": is_new,
        "manifest_sha256": dataset.manifest_sha256,
        "manifest_path": dataset.manifest_path,
        "test_sha256": dataset.test_sha256,
        "test_revision": dataset.test_revision,
        "taxonomy": dataset.taxonomy,
        "counts": dataset.counts,
    }
