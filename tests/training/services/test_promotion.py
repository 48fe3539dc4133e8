import threading

import pytest
from django.db import connection

from detection.models import Deployment
from detection.services import serving
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from tests import factories
from tests.training import toy_work
from training.models import Promotion
from training.services import promotion, runs, slot_work

SLOT = toy_work.SLOT
PURPOSE = "to tell high from low"


@pytest.fixture(autouse=True)
def _toy(monkeypatch, data_dir):
    monkeypatch.setattr(slot_work, "of", lambda slot: toy_work)


@pytest.fixture
def dataset(site):
    return toy_work.dataset(site=site, groups=40)


def version_of(dataset, seed=0, **parameters):
    started = runs.start(
        slot=SLOT, trigger="command", dataset_id=dataset.pk, seed=seed, parameters=parameters
    )
    return runs.execute(started.run.pk).version


def promoted(dataset, seed=0, **parameters):
    version = version_of(dataset, seed, **parameters)
    promotion.promote(version.pk, by=None, purpose=PURPOSE)
    return version


def test_a_promotion_deploys_and_writes_a_card(dataset, admin_user):
    version = version_of(dataset)
    made = promotion.promote(version.pk, by=admin_user, purpose=PURPOSE, notes="First of all")

    served = serving.champion(SLOT)
    assert made.deployment == served
    assert served.model_version_uuid == version.uuid
    assert [row["name"] for row in served.files] == ["border.txt"]
    for told in (version.name, PURPOSE, "First of all", "admin", "accuracy", "promote"):
        assert told in made.card


@pytest.mark.parametrize("purpose", ["", "  \n ", "x" * 301, "a\0b"])
def test_an_empty_purpose_is_refused(dataset, admin_user, purpose):
    version = version_of(dataset)
    with pytest.raises(DomainError) as refused:
        promotion.promote(version.pk, by=admin_user, purpose=purpose)
    assert "purpose" in refused.value.fields
    assert serving.champion(SLOT) is None


def test_it_is_believed_from_the_score_that_was_best_on_validation(dataset, monkeypatch):
    figures = toy_work.figures
    told = lambda *args: {**figures(*args), "score_threshold": 0.41}  # noqa: E731
    monkeypatch.setattr(toy_work, "figures", told)
    assert promotion.promote(version_of(dataset).pk, by=None, purpose=PURPOSE)
    assert serving.champion(SLOT).threshold == 0.41


def test_the_same_version_is_deployed_once(dataset, admin_user):
    version = promoted(dataset)
    with pytest.raises(Conflict) as refused:
        promotion.promote(version.pk, by=admin_user, purpose=PURPOSE)
    assert refused.value.code in ("already_serving", "gate_outdated")
    assert Promotion.objects.count() == 1


def test_rollback_goes_back_one_version_at_a_time(dataset):
    poor = promoted(dataset, border=0.35)
    good = promoted(dataset, seed=1)
    assert serving.champion(SLOT).name == good.name

    back = promotion.rollback(SLOT, by=None, notes="people rejected more")
    assert back.version == poor
    assert serving.champion(SLOT).name == poor.name
    assert promotion.rollback(SLOT, by=None).version is None
    assert serving.champion(SLOT) is None
    with pytest.raises(Conflict) as refused:
        promotion.rollback(SLOT, by=None)
    assert refused.value.code == "nothing_deployed"
    # The ledger only grows.
    assert Deployment.objects.filter(slot=SLOT).count() == 3


def test_who_may_not_deploy_does_not(dataset, supervisor, outsider):
    version = version_of(dataset)
    with pytest.raises(Forbidden):
        promotion.promote(version.pk, by=supervisor, purpose=PURPOSE)
    with pytest.raises(Forbidden):
        promotion.rollback(SLOT, by=supervisor)
    with pytest.raises(NotFound):
        promotion.promote(version.pk, by=outsider, purpose=PURPOSE)
    with pytest.raises(NotFound):
        promotion.promote(0, by=None, purpose=PURPOSE)


def test_too_little_data_takes_a_reason(site, admin_user):
    few = toy_work.dataset(groups=4, rows=1, site=site)
    version = version_of(few, border=0.48)
    assert version.judgements.get().outcome == "not_enough_data"
    with pytest.raises(Conflict) as refused:
        promotion.promote(version.pk, by=admin_user, purpose=PURPOSE)
    assert refused.value.code == "gate_unsure"

    made = promotion.promote(
        version.pk, by=admin_user, purpose=PURPOSE, reason="There was nothing before it."
    )
    assert made.detail["reason"] == "There was nothing before it."


def test_a_challenger_looks_on_takes_a_share_and_is_retired(dataset, admin_user):
    promoted(dataset, border=0.35)
    version = version_of(dataset, seed=1)

    promotion.shadow(version.pk, by=admin_user)
    assert serving.challenger(SLOT).is_shadow
    promotion.share(version.pk, by=admin_user, share=0.5)
    assert serving.challenger(SLOT).share == 0.5
    assert serving.champion(SLOT).name != version.name
    promotion.retire_challenger(SLOT, by=admin_user)
    assert serving.challenger(SLOT) is None
    with pytest.raises(Conflict):
        promotion.retire_challenger(SLOT, by=admin_user)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, "half", None, float("nan")])
def test_a_share_is_between_nothing_and_everything(dataset, admin_user, share):
    version = version_of(dataset)
    with pytest.raises(DomainError) as refused:
        promotion.share(version.pk, by=admin_user, share=share)
    assert "share" in refused.value.fields


def test_a_challenger_that_is_promoted_is_none_any_more(dataset, admin_user):
    version = version_of(dataset)
    promotion.shadow(version.pk, by=admin_user)
    promotion.promote(version.pk, by=admin_user, purpose=PURPOSE)
    assert serving.challenger(SLOT) is None


@pytest.mark.sql
@pytest.mark.django_db(transaction=True)
def test_of_two_promotions_in_one_moment_one_serves(data_dir):
    dataset = toy_work.dataset(groups=40)
    versions = [version_of(dataset, seed=seed) for seed in range(2)]
    barrier, told = threading.Barrier(2), []

    def deploy(version):
        try:
            barrier.wait()
            promotion.promote(version.pk, by=None, purpose=PURPOSE)
            told.append("deployed")
        except Conflict as error:
            told.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=deploy, args=(version,)) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "deployed" in told
    active = Deployment.objects.filter(slot=SLOT, retired_at__isnull=True)
    assert active.count() == 1
    assert Promotion.objects.count() == told.count("deployed")


def test_a_share_takes_cameras_by_the_version_alone(site):
    deployment = factories.deployment(
        slot="object-detector",
        role="challenger",
        source="promoted",
        share=0.25,
        model_version_uuid="00000000-0000-0000-0000-00000000000a",
    )
    cameras = [factories.camera(site) for _ in range(8)]
    own = factories.camera(site, detector="motion")

    quarter = serving.cameras_of(deployment)
    deployment.share = 0.5
    half = serving.cameras_of(deployment)
    assert (len(quarter), len(half)) == (2, 4)
    assert quarter < half
    assert own.pk not in half
    chosen = next(camera for camera in cameras if camera.pk in quarter)
    assert serving.for_camera(chosen.pk).pk == deployment.pk
    assert serving.for_camera(chosen.pk, "yolov8n.pt") is None
