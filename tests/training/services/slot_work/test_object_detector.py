"""The detector's work: from frozen pictures to a judged version, and how two are compared."""

import hashlib
import json

import numpy as np
import pytest

from detection.slots import OBJECT_DETECTOR
from hitlsite import storage
from hitlsite.errors import DomainError
from tests import factories
from tests.training.learning.lessons import NAMES, drawn
from training.learning import gate
from training.models import Dataset, DatasetEntry, ModelVersion, TrainingRun
from training.services import runs, subjects
from training.services.run_report import Silent
from training.services.slot_work import object_detector as work

TINY = {"base": "scratch", "epochs": 1, "batch": 4, "image_size": 64, "device": "cpu"}


@pytest.fixture(autouse=True)
def _apart(settings, data_dir):
    settings.MODEL_DIR = data_dir / "models"
    settings.MODEL_DIR.mkdir()


@pytest.fixture
def make_dataset(site, tmp_path):
    """Return a function that freezes drawn pictures: so many for training, four for the rest."""

    def make(training=8, taxonomy=None, seed=0):
        number = Dataset.objects.count() + 1
        dataset = Dataset.objects.create(
            slot=OBJECT_DETECTOR,
            number=number,
            state=Dataset.State.DONE,
            manifest_sha256=f"{number:064x}",
            test_sha256="t" * 64,
            taxonomy=taxonomy or [{"name": name, "former": []} for name in NAMES],
        )
        dataset.sites.add(site)
        camera = factories.camera(site)
        for split, count in (("train", training), ("val", 4), ("test", 4)):
            for picture in drawn(tmp_path / f"{split}{seed}", count, seed=seed + len(split)):
                entry(dataset, camera, split, picture)
        return dataset

    return make


def entry(dataset, camera, split, picture):
    content = picture.path.read_bytes()
    path, sha256, _ = storage.store_bytes(camera.site_id, "picture", content, suffix=".png")
    position = dataset.entries.count()
    return DatasetEntry.objects.create(
        dataset=dataset,
        position=position,
        sha256=sha256,
        split=split,
        group=f"{split}-{position // 2}",
        origin="field",
        label={
            "boxes": [[NAMES[label], *box] for label, box in picture.boxes],
            "exhaustive": sorted(NAMES),
        },
        path=path,
        site=camera.site,
        camera=camera,
    )


def execute(dataset, **parameters):
    started = runs.start(
        slot=OBJECT_DETECTOR,
        trigger="command",
        dataset_id=dataset.pk,
        parameters=TINY | parameters,
    )
    run = runs.execute(started.run.pk)
    assert (run.state, run.error_message) == ("done", "")
    return run


def mixed(run, champion=None):
    return work._mixed(run, work._base(run, champion), Silent())


@pytest.mark.slow
def test_a_run_goes_from_frozen_pictures_to_a_judged_version(make_dataset):
    dataset = make_dataset()

    run = execute(dataset)

    version = run.version
    assert version.class_names == list(NAMES)
    assert version.base == {}
    assert [row["name"] for row in version.files] == [
        "best.pt",
        "model.onnx",
        "int8.bin",
        "int8.xml",
        "metadata.yaml",
    ]
    told = [(form["name"], form["precision"], form["backend"]) for form in version.forms]
    assert told == [
        ("openvino", "f32", "openvino"),
        ("onnxruntime", "f32", "onnxruntime"),
        ("openvino-int8", "int8", "openvino"),
    ]
    assert all(form["milliseconds"] > 0 and form["input_size"] == 64 for form in version.forms)
    assert sum(form["serves"] for form in version.forms) == 1
    figures = version.evaluations.filter(split="test").get().figures
    assert {"map50", "map50_95", "classes", "cameras"} <= set(figures)
    assert (figures["items"], figures["truths"]) == (4, 4)
    assert run.history[0]["epoch"] == 1
    assert "8 new pictures, 0 shown again" in run.log


@pytest.mark.slow
def test_the_next_run_goes_on_from_the_champion_and_replays(make_dataset, monkeypatch):
    version = execute(make_dataset(training=4)).version
    champion = subjects.of_version(version)
    second = make_dataset(training=8, seed=20)
    for old in version.dataset.entries.filter(split="train"):
        old.pk, old.dataset = None, second
        old.position = second.entries.count()
        old.save()
    run = TrainingRun(
        dataset=second,
        parameters=work.clean_parameters("yolo", {"replay": 0.2}),
        trigger="nightly",
    )

    entries = mixed(run, champion)

    base = work._base(run, champion)
    assert (base.name, base.path.name) == (version.name, "best.pt")
    again = [one for one in entries if one.sha256 in base.seen]
    assert (len(entries), len(again)) == (10, 2)
    run.parameters["replay"] = 0.0
    assert len(mixed(run, champion)) == 8


@pytest.mark.slow
def test_stored_forms_answer_alike_and_an_exchanged_one_does_not(make_dataset):
    version = execute(make_dataset()).version
    entries = list(version.dataset.entries.filter(split="test"))
    exact, other, int8 = (
        work.score(subjects.of_version(version, form), version.dataset, entries, Silent())
        for form in version.forms
    )

    for position, said in exact.items():
        for name, (edges, scores) in said.items():
            assert edges.shape == (len(scores), 4)
            assert len(scores) <= 100 and (scores >= 0.001).all()
            assert np.allclose(scores[0], other[position][name][1][0], atol=1e-3)
    assert int8.keys() == exact.keys()
    version.files[1]["sha256"] = "0" * 64
    with pytest.raises(DomainError) as caught:
        subjects.of_version(version, version.forms[0])
    assert caught.value.code == "artifact_damaged"


def test_nothing_finds_nothing(make_dataset):
    dataset = make_dataset()
    entries = list(dataset.entries.filter(split="test"))

    scores = work.score(None, dataset, entries, Silent())

    assert scores == {one.position: {} for one in entries}
    assert work.figures(dataset, entries, scores)["map50"] == 0.0


# Classes by name.


def test_classes_are_compared_by_the_names_of_today(make_dataset):
    dataset = make_dataset(
        taxonomy=[
            {"name": "human", "former": ["person"]},
            {"name": "truck", "former": ["lorry"]},
            {"name": "lorry (merged)", "former": [], "merged_into": "truck"},
        ]
    )
    box = np.array([[0.1, 0.1, 0.5, 0.5]])
    found = {
        "Person": (box, np.array([0.9])),
        "truck": (box, np.array([0.3])),
        "lorry": (box, np.array([0.7])),
        "kite": (box, np.array([0.8])),
    }

    said = work._by_name_now(found, work._names_now(dataset))

    assert set(said) == {"human", "truck"}
    assert said["truck"][1].tolist() == [0.7, 0.3]
    assert work._classes(dataset) == (("human", "truck"), (("person",), ("lorry",)))


def test_at_most_a_hundred_of_a_class_are_kept():
    scores = np.linspace(0.01, 0.99, 150)
    found = {"bright": (np.zeros((150, 4)), scores)}

    said = work._by_name_now(found, {"bright": "bright"})

    assert said["bright"][1].tolist() == scores[::-1][:100].tolist()


# The comparison.


def perfect(entries, score=0.9):
    said = {}
    for one in entries:
        said[one.position] = {
            name: (np.array([box]), np.array([score])) for name, *box in one.label["boxes"]
        }
    return said


def test_the_better_one_is_seen_by_class_and_camera(make_dataset):
    dataset = make_dataset()
    entries = list(dataset.entries.filter(split="test").select_related("camera"))
    camera = entries[0].camera.name

    figure, slices = work.paired(dataset, entries, {}, perfect(entries))

    assert (figure.groups, figure.items) == (len({one.group for one in entries}), 4)
    report = gate.decide(figure, slices)
    assert (report.champion, report.challenger) == (0.0, 1.0)
    told = [(one.kind, one.name, one.positives) for one in report.slices]
    assert told == [("class", "bright", 2), ("class", "dark", 2), ("camera", camera, 4)]


def test_only_classes_labelled_in_full_count(make_dataset):
    dataset = make_dataset()
    entries = list(dataset.entries.filter(split="test").select_related("camera"))
    for one in entries:
        one.label["exhaustive"] = ["dark"]

    figure, slices = work.paired(dataset, entries, {}, perfect(entries))

    assert figure.items == 2
    assert [one.name for one in slices if one.kind == "class"] == ["dark"]


def test_an_empty_split_has_nothing_to_compare(make_dataset):
    figure, slices = work.paired(make_dataset(), [], {}, {})

    assert gate.decide(figure, slices).outcome == "not_enough_data"


# What is refused.


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"epochs": True}, "epochs"),
        ({"epochs": "many"}, "epochs"),
        ({"batch": 1000}, "batch"),
        ({"image_size": 100}, "image_size"),
        ({"patience": -1}, "patience"),
        ({"replay": 1.0}, "replay"),
        ({"replay": "nan"}, "replay"),
        ({"device": "cuda; rm"}, "device"),
        ({"learning_rate": 5}, "learning_rate"),
        ({"learning_rate": []}, "learning_rate"),
        ({"base": "../secret.pt"}, "base"),
        ({"base": "/etc/passwd"}, "base"),
        ({"base": "weights.onnx"}, "base"),
        ({"base": "missing.pt"}, "base"),
        ({"base": None}, "base"),
        ({"architecture": "../yolo11n.yaml"}, "architecture"),
        ({"speed": 3}, "speed"),
    ],
)
def test_a_bad_parameter_is_named(parameters, field):
    with pytest.raises(DomainError) as caught:
        work.clean_parameters("yolo", parameters)

    assert list(caught.value.fields) == [field]


def test_what_is_left_out_is_filled_in(settings):
    (settings.MODEL_DIR / "own.pt").write_bytes(b"weights")

    cleaned = work.clean_parameters("yolo", {"base": "own.pt", "epochs": "7", "replay": 0})

    assert cleaned == {
        "base": "own.pt",
        "architecture": "yolo11n.yaml",
        "epochs": 7,
        "batch": 16,
        "image_size": 640,
        "patience": 20,
        "replay": 0.0,
        "device": "auto",
        "learning_rate": None,
    }
    json.dumps(cleaned)


@pytest.mark.parametrize("trigger", ["page", "api", "nightly"])
def test_a_path_comes_from_a_command_only(make_dataset, trigger):
    parameters = work.clean_parameters("yolo", {"base_path": "elsewhere/own.pt"})
    run = TrainingRun(dataset=make_dataset(), parameters=parameters, trigger=trigger)

    with pytest.raises(DomainError) as caught:
        work._base(run, None)

    assert caught.value.code == "base_path_refused"


def test_without_any_weights_it_begins_with_nothing(make_dataset, settings):
    run = TrainingRun(dataset=make_dataset(), parameters=work.clean_parameters("yolo", {}))

    assert work._base(run, None).path is None
    (settings.MODEL_DIR / "yolov8n.pt").write_bytes(b"weights")
    assert work._base(run, None).name == "yolov8n.pt"


@pytest.mark.parametrize(("harm", "code"), [("lost", "picture_missing"), ("other", "altered")])
def test_a_picture_that_is_not_the_frozen_one_ends_the_run(make_dataset, settings, harm, code):
    dataset = make_dataset()
    broken = dataset.entries.filter(split="train")[3]
    path = settings.MEDIA_ROOT / broken.path
    path.unlink() if harm == "lost" else path.write_bytes(b"something else")
    started = runs.start(
        slot=OBJECT_DETECTOR, trigger="command", dataset_id=dataset.pk, parameters=TINY
    )

    run = runs.execute(started.run.pk)

    assert run.state == "failed"
    assert code in run.error_code
    assert str(broken) in run.error_message
    assert not ModelVersion.objects.exists()


def test_an_unreadable_picture_is_named_by_its_entry(make_dataset, settings):
    dataset = make_dataset()
    broken = dataset.entries.filter(split="train")[3]
    content = b"no picture at all"
    (settings.MEDIA_ROOT / broken.path).write_bytes(content)
    broken.sha256 = hashlib.sha256(content).hexdigest()
    broken.save()
    started = runs.start(
        slot=OBJECT_DETECTOR, trigger="command", dataset_id=dataset.pk, parameters=TINY
    )

    run = runs.execute(started.run.pk)

    assert (run.state, run.error_code) == ("failed", "picture_unreadable")
    assert str(broken) in run.error_message


def test_weights_of_another_content_are_other_inputs(settings, tmp_path):
    settings.MODEL_DIR = tmp_path
    weights = tmp_path / "ours.pt"
    weights.write_bytes(b"one")
    parameters = work.clean_parameters("yolo", {"base": "ours.pt"})
    before = work.inputs(parameters)
    weights.write_bytes(b"two")
    assert work.inputs(parameters) != before
    assert work.inputs(work.clean_parameters("yolo", {})) == {}
    with pytest.raises(DomainError) as refused:
        work.inputs({"base": "champion", "base_path": str(tmp_path / "none.pt")})
    assert refused.value.code == "weights_missing"
