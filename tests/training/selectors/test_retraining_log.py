"""Every run and decision is one row, with what it was measured by."""

import csv
import io
from datetime import timedelta

import pytest
from django.utils import timezone

from tests import factories
from tests.training import toy_work
from training.models import Dataset, ModelVersion, TrainingRun
from training.selectors import retraining_log
from training.services import promotion, runs, slot_work
from training.services import retraining_log as service

SLOT = toy_work.SLOT

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture(autouse=True)
def _toy(monkeypatch):
    monkeypatch.setattr(slot_work, "of", lambda slot: toy_work)


def trained(dataset, by=None, **parameters):
    run = runs.start(slot=SLOT, trigger="command", dataset_id=dataset.pk, parameters=parameters).run
    return runs.execute(run.pk).version


@pytest.fixture
def dataset(site):
    return toy_work.dataset(site=site, groups=40)


def test_a_run_and_its_promotion_are_rows(dataset, admin_user):
    version = trained(dataset)
    promotion.promote(
        version.pk, by=admin_user, purpose="to tell high from low", notes="=cmd()|'x'"
    )
    run, promoted = retraining_log.rows(SLOT)
    assert (run.kind, run.model_version, run.state) == ("run", version.name, "done")
    assert run.photos_added == dataset.entries.count()
    assert (run.outcome, run.test_revision, run.figure_name) == ("promote", 1, "accuracy")
    assert run.lower <= run.gain <= run.upper
    assert (promoted.kind, promoted.decided_by) == ("promote", "admin")
    assert promoted.notes == "=cmd()|'x'"
    assert promoted.figure == run.figure
    assert promoted.photos_added is None


def test_only_what_is_new_was_added(dataset, site):
    trained(dataset)
    trained(dataset, border=0.4)
    more = Dataset.objects.create(slot=SLOT, number=2, state="done", manifest_sha256="f" * 64)
    more.sites.add(site)
    for entry in [*dataset.entries.all()[:3]]:
        entry.pk, entry.dataset = None, more
        entry.save()
    entry.pk, entry.position, entry.sha256 = None, 99, "e" * 64
    entry.save()
    TrainingRun.objects.create(
        slot=SLOT,
        number=3,
        dataset=more,
        algorithm="svm",
        code_version="1",
        trigger="nightly",
        inputs_sha256="9" * 64,
        state="failed",
        error_message="no memory",
        finished_at=timezone.now() + timedelta(hours=1),
    )
    added = [row.photos_added for row in retraining_log.rows(SLOT)]
    assert added == [dataset.entries.count(), 0, 1]
    last = retraining_log.rows(SLOT)[-1]
    assert (last.state, last.notes, last.model_version) == ("failed", "no memory", "")


def test_a_later_judgement_is_a_row_of_its_own(dataset):
    version = trained(dataset)
    run = runs.judge_again(version.run_id)
    runs.execute(run.pk)
    kinds = [row.kind for row in retraining_log.rows(SLOT)]
    assert sorted(kinds) == ["judgement", "run"]


def test_what_is_foreign_is_left_out(admin_user, dataset):
    foreign = toy_work.dataset(site=factories.site(), groups=40, number=2, seed=2)
    own, other = trained(dataset), trained(foreign)
    promotion.promote(other.pk, by=None, purpose="elsewhere")
    assert {row.model_version for row in retraining_log.rows(SLOT, admin_user)} == {own.name}
    assert len(retraining_log.rows(SLOT)) == 3


def test_the_csv_begins_as_promised_and_runs_nothing(dataset, admin_user):
    version = trained(dataset)
    promotion.promote(version.pk, by=admin_user, purpose="p", notes="=cmd()|'x'")
    header, run, promoted = csv.reader(io.StringIO(service.csv(SLOT)))
    assert header[:7] == [
        "date",
        "model_version",
        "photos_added",
        "precision",
        "recall",
        "mAP50",
        "notes",
    ]
    assert promoted[6] == "'=cmd()|'x'"
    told = dict(zip(header, run, strict=True))
    assert told["figure_name"] == "accuracy" and float(told["figure"]) > 0.5
    assert told["mAP50"] == ""


def test_the_number_of_queries_does_not_grow(dataset, django_assert_max_num_queries):
    for border in (0.3, 0.4, 0.5):
        trained(dataset, border=border)
    assert ModelVersion.objects.count() == 3
    with django_assert_max_num_queries(6):
        assert len(retraining_log.rows(SLOT)) == 3


def test_an_empty_log_is_a_header(db):
    assert retraining_log.rows(SLOT) == []
    assert service.csv(SLOT).count("\r\n") == 1
