"""Training task classifiers: what is learned, the same every time, and what cannot be."""

import numpy as np
import pytest

from detection.vision.task_predictor import softmax
from hitlsite.errors import DomainError
from tests.training.learning.windows_made import (
    CLASSES,
    COLUMNS,
    QUICK,
    SPEC,
    TEST,
    TRAIN,
    VAL,
    made,
)
from training.learning import sequence, task_figures, task_models, task_parameters
from training.learning.task_models import places_of

ALGORITHMS = tuple(task_parameters.KNOWN)
NETWORKS = ("lstm", "tcn", "transformer")
ASKED = TEST[0][:, :, :3]


class Heard:
    """A report that keeps what it is told."""

    def __init__(self, stop_at=None):
        self.epochs, self.lines, self.steps = [], [], []
        self._stop_at = stop_at

    def progress(self, done, total, message=""):
        self.steps.append((done, total))

    def epoch(self, figures):
        self.epochs.append(figures)
        if figures["epoch"] == self._stop_at:
            raise KeyboardInterrupt

    def log(self, line):
        self.lines.append(line)


def fit(algorithm, train=TRAIN, *, parameters=None, seed=1, **options):
    options = {"columns": COLUMNS, "spec": SPEC, "val": VAL, **options}
    parameters = QUICK[algorithm] | (parameters or {})
    return task_models.fit(*train, algorithm, parameters, seed, **options)


@pytest.fixture(scope="module", params=ALGORITHMS)
def heard_model(request):
    heard = Heard()
    return request.param, fit(request.param, report=heard), heard


def test_every_algorithm_learns(heard_model):
    _, model, heard = heard_model
    found = model.predictor().probabilities(ASKED)
    assert model.description.classes == CLASSES
    assert np.mean(np.array(CLASSES)[found.argmax(axis=1)] == TEST[1]) > 0.85
    assert heard.epochs[-1]["val_macro_f1"] > 0.85
    assert heard.steps[-1][0] == heard.steps[-1][1] or len(heard.epochs) > 1


def test_a_column_that_is_never_there_is_left_out_and_named(heard_model):
    _, model, heard = heard_model
    assert model.description.columns == COLUMNS[:3]
    assert model.description.left_out == ("never",)
    assert any("never" in line for line in heard.lines)


def test_the_same_seed_learns_the_same_file(heard_model):
    algorithm, model, _ = heard_model
    again, other = fit(algorithm).predictor(), fit(algorithm, seed=2).predictor()
    said = model.predictor().probabilities(ASKED)
    assert np.array_equal(said, again.probabilities(ASKED))
    if algorithm != "lightgbm":  # of which nothing is drawn at random
        assert not np.array_equal(said, other.probabilities(ASKED))


def test_the_seed_of_the_process_is_left_alone():
    import torch

    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    fit("tcn", parameters={"epochs": 1})
    assert torch.equal(torch.rand(3), wanted)
    assert torch.get_num_threads() == threads
    assert torch.are_deterministic_algorithms_enabled() == strict


@pytest.mark.parametrize("kind", NETWORKS)
def test_what_is_kept_answers_as_what_was_trained(kind, monkeypatch):
    learned = []
    learn = sequence.learn

    def listened(*given):
        learned.append(learn(*given))
        return learned[0]

    monkeypatch.setattr(sequence, "learn", listened)
    model = fit(kind)
    wanted = softmax(learned[0].logits / learned[0].temperature)
    said = model.predictor().probabilities(VAL[0][:, :, :3])
    assert np.abs(said - wanted).max() < 1e-4
    assert model.description.temperature == learned[0].temperature


def test_a_kept_network_that_answers_otherwise_is_refused(monkeypatch):
    learn = sequence.learn

    def altered(*given):
        found = learn(*given)
        return sequence.Learned(found.content, found.temperature, found.logits[::-1])

    monkeypatch.setattr(sequence, "learn", altered)
    with pytest.raises(DomainError) as error:
        fit("tcn")
    assert error.value.code == "export_differs"


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network_does_without_validation(kind):
    heard = Heard()
    model = fit(kind, val=None, parameters={"epochs": 2}, report=heard)
    assert [row["epoch"] for row in heard.epochs] == [1, 2]
    assert all("val_loss" not in row for row in heard.epochs)
    assert model.description.temperature == 1.0


def test_a_network_ends_where_validation_no_longer_improves():
    heard = Heard()
    shuffled = VAL[0], np.random.default_rng(0).permutation(VAL[1])
    fit("tcn", val=shuffled, parameters={"epochs": 200}, report=heard)
    assert len(heard.epochs) < 200
    assert any("not improved" in line for line in heard.lines)


def test_the_best_epoch_is_kept():
    heard = Heard()
    model = fit("tcn", report=heard, parameters={"learning_rate": 0.3, "epochs": 8})
    answered = model.predictor().probabilities(VAL[0][:, :, :3]).argmax(axis=1)
    score = task_figures.macro_f1(places_of(VAL[1], CLASSES), answered)
    assert score == pytest.approx(max(row["val_macro_f1"] for row in heard.epochs), abs=1e-4)


@pytest.mark.parametrize("algorithm", [*NETWORKS, "online"])
def test_an_end_between_epochs_is_heeded(algorithm):
    heard = Heard(stop_at=2)
    with pytest.raises(KeyboardInterrupt):
        fit(algorithm, report=heard)
    assert len(heard.epochs) == 2


def test_trees_end_between_steps():
    class Stops(Heard):
        def progress(self, done, total, message=""):
            raise KeyboardInterrupt

    for algorithm in ("random_forest", "lightgbm"):
        with pytest.raises(KeyboardInterrupt):
            fit(algorithm, report=Stops())


def test_a_rare_class_weighs_as_much_in_a_network():
    windows, labels = made(400, 5)
    kept = np.flatnonzero((labels != "sweep") | (np.arange(400) % 12 == 0))
    model = fit("tcn", (windows[kept], labels[kept]), val=None)
    answered = model.predictor().probabilities(ASKED).argmax(axis=1)
    assert np.mean(answered[TEST[1] == "sweep"] == CLASSES.index("sweep")) > 0.7


def test_a_label_that_training_lacks_is_no_obstacle():
    windows, labels = TRAIN
    kept = labels != "sweep"
    for algorithm in ("tcn", "online", "random_forest"):
        model = fit(algorithm, (windows[kept], labels[kept]))
        assert model.description.classes == ("carry", "rest")
        assert model.predictor().probabilities(ASKED).shape == (len(ASKED), 2)


def test_logits_too_sure_are_warmed_and_too_shy_are_cooled():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 3000)
    logits = 1.5 * np.eye(3)[true] + rng.gumbel(size=(3000, 3))
    odds = np.log(softmax(1.5 * np.eye(3)[logits.argmax(axis=1)]))
    drawn = np.array([rng.choice(3, p=row) for row in np.exp(odds)])
    assert sequence.fitted_temperature(odds, drawn) == pytest.approx(1.0, abs=0.1)
    assert sequence.fitted_temperature(4 * odds, drawn) == pytest.approx(4.0, abs=0.4)
    assert sequence.fitted_temperature(odds / 4, drawn) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    ("windows", "labels", "code"),
    [
        (TRAIN[0], ["rest"] * 240, "one_class"),
        (TRAIN[0][:1], ["rest"], "too_few_rows"),
        (TRAIN[0][:0], [], "too_few_rows"),
        (TRAIN[0], TRAIN[1][:9], "windows_invalid"),
        (TRAIN[0][:, :5], TRAIN[1], "windows_invalid"),
        (TRAIN[0][:, :, :3], TRAIN[1], "windows_invalid"),
        (np.where(np.isnan(TRAIN[0]), np.inf, TRAIN[0]), TRAIN[1], "windows_invalid"),
        (np.full_like(TRAIN[0], np.nan), TRAIN[1], "no_columns"),
    ],
)
def test_what_cannot_be_learned_is_refused(windows, labels, code):
    for algorithm in ("random_forest", "tcn"):
        with pytest.raises(DomainError) as error:
            fit(algorithm, (windows, labels))
        assert error.value.code == code


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_two_windows_are_enough_to_learn_something(algorithm):
    chosen = [int(np.flatnonzero(TRAIN[1] == name)[0]) for name in ("carry", "rest")]
    model = fit(algorithm, (TRAIN[0][chosen], TRAIN[1][chosen]), val=None)
    assert model.predictor().probabilities(ASKED).shape == (len(ASKED), 2)


def test_a_column_known_at_one_point_alone_is_learned_with():
    windows = TRAIN[0].copy()
    windows[:, :-1, 2] = np.nan  # its slope is missing in every window
    for algorithm in ("random_forest", "lightgbm", "online", "tcn"):
        found = fit(algorithm, (windows, TRAIN[1])).predictor().probabilities(ASKED)
        assert not np.isnan(found).any()


def test_online_goes_on_from_the_champion_with_what_is_new():
    first = fit("online", made(60, 8), val=None)
    champion = first.predictor()
    windows, labels = made(200, 9)
    is_new = np.arange(200) >= 60
    heard = Heard()
    model = fit(
        "online", (windows, labels), val=None, champion=champion, is_new=is_new, report=heard
    )
    assert model.description.rows == 140
    assert model.description.means == first.description.means
    assert any("140 new windows" in line for line in heard.lines)
    before, after = champion.trainable(), model.predictor().trainable()
    assert after.t_ > before.t_
    alone = fit("online", (windows[60:], labels[60:]), val=None, champion=champion)
    assert np.array_equal(
        alone.predictor().probabilities(ASKED), model.predictor().probabilities(ASKED)
    )
    fresh = fit("online", (windows[60:], labels[60:]), val=None)
    assert not np.array_equal(
        fresh.predictor().probabilities(ASKED), model.predictor().probabilities(ASKED)
    )


def test_online_keeps_classes_that_are_not_there_now():
    champion = fit("online", val=None).predictor()
    kept = TRAIN[1] != "sweep"
    model = fit("online", (TRAIN[0][kept], TRAIN[1][kept]), val=None, champion=champion)
    assert model.description.classes == CLASSES


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"columns": ("level", "course", "loud", "never")}, "columns"),
        ({"parameters": {"agg": "flatten"}}, "agg"),
        ({"train": (TRAIN[0], np.where(TRAIN[1] == "rest", "pause", TRAIN[1]))}, "classes"),
    ],
)
def test_online_begins_anew_where_the_champion_is_of_another_kind(change, told):
    champion, heard = fit("online", val=None).predictor(), Heard()
    model = fit("online", champion=champion, val=None, report=heard, **change)
    assert model.description.rows == len(TRAIN[1])
    assert any("begins anew" in line and told in line for line in heard.lines)


def test_online_has_nothing_to_learn_from_what_it_knows():
    champion = fit("online", val=None).predictor()
    with pytest.raises(DomainError) as error:
        fit("online", champion=champion, is_new=np.zeros(240, dtype=bool))
    assert error.value.code == "nothing_new"


def test_importance_finds_the_columns_that_matter():
    predictor = fit("random_forest").predictor()
    windows, true = ASKED, places_of(TEST[1], CLASSES)
    rows = task_figures.importance(predictor.probabilities, windows, true, COLUMNS[:3], seed=4)
    again = task_figures.importance(predictor.probabilities, windows, true, COLUMNS[:3], seed=4)
    assert rows == again
    assert {rows[0]["column"], rows[1]["column"]} == {"level", "course"}
    assert rows[1]["fall"] > 0.1 > abs(rows[2]["fall"])


def test_macro_f1_is_that_of_scikit_learn():
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(2)
    for _ in range(20):
        true, said = rng.integers(0, 4, 30), rng.integers(0, 4, 30)
        labels = np.unique(true)
        wanted = f1_score(true, said, labels=labels, average="macro", zero_division=0)
        assert task_figures.macro_f1(true, said) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("algorithm", "parameters", "field"),
    [
        ("random_forest", {"n_estimators": 0}, "parameters.n_estimators"),
        ("rf", {"max_depth": 0}, "parameters.max_depth"),
        ("rf", {"max_depth": 2.5}, "parameters.max_depth"),
        ("rf", {"epochs": 3}, "parameters.epochs"),
        ("lightgbm", {"learning_rate": 0}, "parameters.learning_rate"),
        ("lstm", {"agg": "stats"}, "parameters.agg"),
        ("lstm", {"hidden": True}, "parameters.hidden"),
        ("tcn", {"columns": "hands"}, "parameters.columns"),
        ("tcn", {"columns": ["yolo"]}, "parameters.columns"),
        ("online", {"agg": "median"}, "parameters.agg"),
        ("online", {"ablations": "yes"}, "parameters.ablations"),
        ("online", [1], "parameters"),
        ("magic", {}, "algorithm"),
    ],
)
def test_wrong_parameters_are_named(algorithm, parameters, field):
    with pytest.raises(DomainError) as error:
        task_parameters.clean(algorithm, parameters)
    assert list(error.value.fields) == [field]


def test_parameters_are_filled_in():
    assert task_parameters.clean("rf") == {
        "n_estimators": 100,
        "max_depth": None,
        "agg": "stats",
        "columns": "fused",
        "ablations": False,
    }
    assert task_parameters.clean("lightgbm", {"max_depth": 4.0})["max_depth"] == 4
