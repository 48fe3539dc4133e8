"""Training a detector: what it leaves, how it goes on, and what it refuses."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from detection.vision import checkpoints
from tests.training.learning.lessons import NAMES, Heard, coco128, coco_names, drawn, lesson
from training.learning.detector import fine_tune

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, cache_dir):
    """Return (task, folder, best, what was heard) of two epochs."""
    root = tmp_path_factory.mktemp("trained")
    heard, task = Heard(), lesson(root, cache_dir, epochs=2)
    return task, root / "run", fine_tune(task, root / "run", heard), heard


def weights(path):
    return checkpoints.read_network(path).state_dict()


def same(one, other):
    mine, theirs = weights(one), weights(other)
    return mine.keys() == theirs.keys() and all(torch.equal(mine[k], theirs[k]) for k in mine)


def test_every_epoch_and_batch_is_told(trained):
    heard = trained[3]

    assert [figures["epoch"] for figures in heard.epochs] == [1, 2]
    for figures in heard.epochs:
        assert figures["seconds"] > 0
        assert all(figures[name] > 0 for name in ("box_loss", "cls_loss", "dfl_loss"))
        assert 0 <= figures["map50_95"] <= figures["map50"] <= 1
    done = [done for done, _, _ in heard.progress_told]
    assert done == sorted(done) and set(done) == {1, 2, 3, 4}
    assert heard.progress_told[-1] == (4, 4, "epoch 2 of 2")
    json.dumps(heard.epochs)


def test_the_weights_are_read_safely_and_know_their_names(trained):
    network, names = checkpoints.load_network(trained[2])

    assert names == NAMES
    assert network.args["imgsz"] == 64


def test_the_weights_hold_no_optimizer_and_no_path(trained):
    task, folder, best, _ = trained

    assert set(checkpoints.read_checkpoint(best)) == {"model", "train_args"}
    content = best.read_bytes()
    for trace in (str(folder), str(task.pictures[0].path), str(Path.home())):
        assert trace.encode() not in content


def test_nothing_is_written_beside_the_pictures(trained):
    folder = trained[0].pictures[0].path.parent

    assert {path.suffix for path in folder.iterdir()} == {".png"}


def test_a_finished_training_is_not_done_again(trained):
    task, folder, best, _ = trained
    heard, before = Heard(), best.stat().st_mtime_ns

    assert fine_tune(task, folder, heard) == best
    assert (heard.epochs, best.stat().st_mtime_ns) == ([], before)


def test_the_same_seed_learns_the_same_to_the_last_digit(trained, tmp_path):
    task, _, best, _ = trained

    assert same(best, fine_tune(task, tmp_path / "again", Heard()))


def test_another_seed_learns_something_else(trained, tmp_path, cache_dir):
    task = lesson(tmp_path, cache_dir, epochs=2, seed=1)

    assert not same(trained[2], fine_tune(task, tmp_path / "other", Heard()))


@pytest.mark.parametrize("stop", [{"stop_at_batch": 1}, {"stop_after_epoch": 1}])
def test_what_the_report_raises_stops_it_at_once(tmp_path, cache_dir, stop):
    heard = Heard(**stop)

    with pytest.raises(InterruptedError):
        fine_tune(lesson(tmp_path, cache_dir, epochs=3), tmp_path / "run", heard)

    assert len(heard.epochs) == (1 if "stop_after_epoch" in stop else 0)
    assert not (tmp_path / "run/best.pt").exists()


def test_a_stopped_training_goes_on_where_it_was(tmp_path, cache_dir):
    task, folder, second = lesson(tmp_path, cache_dir, epochs=3), tmp_path / "run", Heard()
    with pytest.raises(InterruptedError):
        fine_tune(task, folder, Heard(stop_after_epoch=2))

    best = fine_tune(task, folder, second)

    assert [figures["epoch"] for figures in second.epochs] == [3]
    assert checkpoints.load_network(best)[1] == NAMES


def test_a_training_stopped_after_its_last_epoch_only_finishes(tmp_path, cache_dir):
    task, folder, second = lesson(tmp_path, cache_dir), tmp_path / "run", Heard()
    with pytest.raises(InterruptedError):
        fine_tune(task, folder, Heard(stop_after_epoch=1))

    assert fine_tune(task, folder, second).exists()
    assert second.epochs == []


@pytest.mark.parametrize("name", ["last.pt", "best.pt"])
def test_a_damaged_checkpoint_is_begun_anew(tmp_path, cache_dir, name):
    task, folder, second = lesson(tmp_path, cache_dir, epochs=2), tmp_path / "run", Heard()
    with pytest.raises(InterruptedError):
        fine_tune(task, folder, Heard(stop_after_epoch=1))
    damaged = folder / "training/weights" / name
    damaged.write_bytes(damaged.read_bytes()[:1000])

    fine_tune(task, folder, second)

    assert [figures["epoch"] for figures in second.epochs] == [1, 2]


def test_a_folder_of_another_task_is_begun_anew(tmp_path, cache_dir):
    folder, second = tmp_path / "run", Heard()
    first = fine_tune(lesson(tmp_path, cache_dir), folder, Heard())
    before = weights(first)

    again = fine_tune(lesson(tmp_path, cache_dir, class_names=("a", "b")), folder, second)

    assert [figures["epoch"] for figures in second.epochs] == [1]
    assert checkpoints.load_network(again)[1] == ("a", "b")
    assert before.keys() == weights(again).keys()


KILLED = """
import sys
from pathlib import Path
from tests.training.learning.lessons import Heard, lesson
from training.learning.detector import fine_tune
root = Path(sys.argv[1])
class Loud(Heard):
    def epoch(self, figures):
        print(figures["epoch"], flush=True)
fine_tune(lesson(root, root / "cache", epochs=60), root / "run", Loud())
"""


@pytest.mark.slow
def test_a_killed_training_goes_on(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.strip() == "3":
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    heard = Heard(stop_after_epoch=6)

    with pytest.raises(InterruptedError):
        fine_tune(lesson(tmp_path, tmp_path / "cache", epochs=60), tmp_path / "run", heard)

    # The third epoch was told before its checkpoint was written, or after.
    assert heard.epochs[0]["epoch"] in (3, 4, 5)


def test_without_validation_the_last_epoch_is_kept(tmp_path, cache_dir):
    heard, task = Heard(), lesson(tmp_path, cache_dir, validation=(), epochs=2)

    best = fine_tune(task, tmp_path / "run", heard)

    assert all("map50" not in figures for figures in heard.epochs)
    last = checkpoints.read_checkpoint(tmp_path / "run/training/weights/last.pt")
    assert last["epoch"] == 1
    kept = last["ema"].state_dict()
    assert all(torch.equal(kept[k].float(), value) for k, value in weights(best).items())


@pytest.mark.slow
def test_it_stops_early_where_nothing_gets_better(tmp_path, cache_dir, material, model_dir):
    heard, labelled = Heard(), coco128(material)[:8]
    task = lesson(
        tmp_path,
        cache_dir,
        pictures=labelled,
        validation=labelled,
        class_names=coco_names(material),
        base=model_dir / "yolo11n.pt",
        image_size=160,
        learning_rate=1e-7,
        epochs=9,
        patience=2,
    )

    fine_tune(task, tmp_path / "run", heard)

    assert heard.epochs[0]["map50"] > 0
    assert len(heard.epochs) < 9


def test_a_base_keeps_its_classes_and_learns_new_ones(trained, tmp_path, cache_dir):
    task = lesson(
        tmp_path,
        cache_dir,
        base=trained[2],
        class_names=("grey", "Shadow"),
        former_names=((), ("DARK",)),
    )

    best = fine_tune(task, tmp_path / "run", Heard())

    assert checkpoints.load_network(best)[1] == ("bright", "dark", "grey")
    job = json.loads((tmp_path / "run/job.json").read_text())
    assert {box[0] for row in job["train"] for box in row["boxes"]} == {1, 2}
    assert {tuple(row["known"]) for row in job["train"]} == {(1, 2)}


def test_a_class_that_is_not_labelled_is_not_learned(trained, tmp_path, cache_dir):
    """Rows of a class without labels move by nothing but weight decay, which a bias has not."""
    only_dark = drawn(tmp_path / "pictures", 8, exhaustive=frozenset({1}))
    task = lesson(tmp_path, cache_dir, base=trained[2], pictures=only_dark)

    best = fine_tune(task, tmp_path / "run", Heard())

    before, after = weights(trained[2]), weights(best)
    biases = [name for name in before if ".cv3." in name and name.endswith("2.bias")]
    assert len(biases) == 3
    for name in biases:
        assert torch.equal(before[name][0], after[name][0])
        assert before[name][1] != after[name][1]


def test_pictures_labelled_differently_are_learned_together(tmp_path, cache_dir):
    mixed = drawn(tmp_path / "pictures", 4, exhaustive=frozenset({0})) + drawn(
        tmp_path / "pictures", 4, exhaustive=frozenset({1}), seed=2
    )

    assert fine_tune(lesson(tmp_path, cache_dir, pictures=mixed), tmp_path / "run", Heard())


def _in_daemon(root, cache_dir, answers):
    task = lesson(root, cache_dir)
    answers.put(fine_tune(task, root / "run", Heard()).name)


@pytest.mark.slow
def test_a_daemon_process_trains_too(tmp_path, cache_dir):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=_in_daemon, args=(tmp_path, cache_dir, answers), daemon=True)
    process.start()

    assert answers.get(timeout=120) == "best.pt"
    process.join(30)


TRACED = """
import sys
from pathlib import Path
from tests.training.learning.lessons import Heard, lesson
from training.learning.detector import fine_tune
from training.learning.detector_forms import make_forms
root = Path(sys.argv[1])
task = lesson(root, root / "cache")
best = fine_tune(task, root / "run", Heard())
pictures = [one.path for one in task.pictures]
make_forms(best, calibration=pictures, pictures=pictures, cache_dir=root / "cache",
           progress=lambda *told: None)
print("done")
"""


@pytest.mark.slow
def test_training_and_its_forms_reach_for_nobody(tmp_path, strace):
    trace, home = tmp_path / "trace", tmp_path / "home"
    home.mkdir()
    wrapper = (strace, "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(trace))
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}

    answer = subprocess.run(
        [*wrapper, sys.executable, "-c", TRACED, str(tmp_path)],
        cwd=ROOT,
        env={**kept, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split()[-1] == "done"
    assert [line for line in trace.read_text().splitlines() if "AF_INET" in line] == []
    assert [path for path in home.rglob("*") if path.is_file()] == []
