"""Windows of features: cut out of long videos, labelled, scaled and written; one of them served.

The file of features of a video of 100,000 frames, with every column that is measured, becomes
arrays to train on, in a fresh process whose memory is watched; one three times as long must become
that as well, in memory that hardly grows with it. Beside it, in the same run, stands the plain way:
for every window a copy of its sixty rows, its labels counted in a dictionary, and the scaler over
all of them at once. The product's own way, with its database, its splits and its folder of arrays,
is told as well. Then a classifier of every kind is trained on drawn windows and asked about one
window at a time.

    python benchmarks/windows.py [--frames N] [--rounds N] [--quick]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
RATE, EACH_SECONDS, MISSING = 30.0, 7.3, 0.02
LABELS = ("work", "idle", "away")
ROWS = 60
SMALL = 3000
MOST_SECONDS, MOST_MEGABYTES, MOST_MILLISECONDS = 0.7, 300.0, 2.0
ASKED = 300
NETWORKS = ("lstm", "tcn", "transformer")
ALGORITHMS = ("random_forest", "lightgbm", *NETWORKS, "online")


def video(frames, seed=0):
    """Return (times, values, spans) of a video whose numbers follow what is done in it."""
    from detection.vision.task_columns import VALUES

    rng = np.random.default_rng(seed)
    times = np.arange(frames) / RATE
    values = rng.normal(0, 1, (frames, len(VALUES))).astype(np.float32)
    values += (times // EACH_SECONDS % len(LABELS)).astype(np.float32)[:, None]
    values[rng.random(values.shape, dtype=np.float32) < MISSING] = np.nan
    return times, values, video_spans(frames)


def video_spans(frames):
    """Return what is done in a video of so many frames."""
    starts = np.arange(0.0, frames / RATE, EACH_SECONDS)
    return [
        [float(at), float(at + EACH_SECONDS), LABELS[number % len(LABELS)]]
        for number, at in enumerate(starts)
    ]


def written(frames, folder):
    """Write the features of a video as the product does and return (path, spans)."""
    import polars

    from detection.vision.task_columns import VALUES

    times, values, spans = video(frames)
    columns = {column.name: values[:, place] for place, column in enumerate(VALUES)}
    head = {"video_id": ["film.mp4"] * frames, "frame_index": np.arange(frames), "t": times}
    path = Path(folder) / f"{frames}.parquet"
    polars.DataFrame(head | columns).write_parquet(path)
    return path, spans


def ours(path, spans, folder):
    """Return (windows, mean, std): read, cut, labelled, hashed and written, scaled and written."""
    from detection.vision import feature_tables
    from detection.vision.windows import WindowSpec
    from training.learning.standardising import mean_and_std, scaled
    from training.learning.task_cuts import cut, kept

    table = feature_tables.read(path)
    spec, at_once = WindowSpec(), 1024
    made = cut(table.times, spec, spans=spans)
    kept(folder / "windows.npy", table.times, table.values, made, spec, {})
    windows = np.load(folder / "windows.npy", mmap_mode="r")
    training = int(0.7 * len(windows))
    parts = (windows[first : first + at_once] for first in range(0, training, at_once))
    mean, std, _ = mean_and_std(parts, windows.shape[2])
    names = {name: code for code, name in enumerate(sorted(set(made.labels)))}
    with (folder / "X.npy").open("wb") as stream:
        header = {"descr": "<f4", "fortran_order": False, "shape": windows.shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for first in range(0, len(windows), at_once):
            stream.write(scaled(windows[first : first + at_once], mean, std).data)
    np.save(folder / "y.npy", np.array([names[label] for label in made.labels]))
    return len(windows), mean, std


def plainly(path, spans, folder):
    """Return (windows, mean, std) by copying sixty rows a window, fifteen rows further each."""
    from detection.vision import feature_tables

    table = feature_tables.read(path)
    times, values = table.times, table.values
    by_row, place = [], 0
    for at in times.tolist():
        while place + 1 < len(spans) and at >= spans[place][1]:
            place += 1
        by_row.append(spans[place][2])
    windows, answers = [], []
    for first in range(0, len(times) - ROWS + 1, int(RATE / 2)):
        held = {}
        for label in by_row[first : first + ROWS]:
            held[label] = held.get(label, 0) + 1
        best = max(held, key=held.get)
        if held[best] > ROWS / 2:
            windows.append(values[first : first + ROWS].copy())
            answers.append(best)
    whole = np.array(windows)
    training = whole[: int(0.7 * len(whole))]
    mean, std = np.nanmean(training, axis=(0, 1)), np.nanstd(training, axis=(0, 1))
    np.save(folder / "X.npy", (whole - mean) / std)
    names = {name: code for code, name in enumerate(sorted(set(answers)))}
    np.save(folder / "y.npy", np.array([names[label] for label in answers]))
    return len(whole), mean, std


def through_the_product(path, spans, folder):
    """Return (windows, mean, std) of a dataset that is frozen in the database and written."""
    from detection.models import Camera, Footage
    from hitlsite.models import Site
    from training.models import LabelSet, SpanAnnotation
    from training.services import datasets, features, task_dataset_folder

    name = Path(path).name
    site, _ = Site.objects.get_or_create(name=f"benchmark {name} {len(list(folder.iterdir()))}")
    camera = Camera.objects.create(site=site, name="bench")
    footage = Footage.objects.create(camera=camera, kind="file", session=name, location=name)
    rows = [{"name": label, "key": ""} for label in LABELS]
    asked = LabelSet.objects.create(site=site, name="what is done", labels=rows)
    SpanAnnotation.objects.create(
        label_set=asked, footage=footage, version=1, spans=spans, source="drawn"
    )
    measured = features.import_parquet(path, site=site, by=None)
    type(measured).objects.filter(pk=measured.pk).update(footage=footage)
    queued = datasets.freeze(slot="task-classifier", sites=[site])
    frozen = datasets.freeze_now(queued.pk)
    if frozen.state != frozen.State.DONE:
        raise SystemExit(frozen.error_message)
    told = task_dataset_folder.write(frozen, folder / f"made {frozen.pk}")
    many = sum(split["windows"] for split in told["splits"].values())
    return many, np.array(told["scaler"]["mean"]), np.array(told["scaler"]["std"])


def memory(what):
    """Return what Linux says of this process in MB: "VmRSS" now, "VmHWM" at most so far.

    The peak that a process is told by its parent's accounting would begin with the parent's own.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == what:
            return int(rest.split()[0]) / 1024
    raise SystemExit(f"This system does not tell {what}.")


WAYS = {"ours": ours, "plain": plainly, "product": through_the_product}


def child(way, path, small, frames, rounds):
    """Build a small video, so that everything is loaded, then the long one; print how it went."""
    if way == "product":
        from benchmarks.product import prepare

        prepare()
    spans_of = {path: video_spans(frames), small: video_spans(SMALL)}
    with tempfile.TemporaryDirectory() as name:
        WAYS[way](small, spans_of[small], Path(name))
        before = memory("VmRSS")
        spent, found = [], None
        for _ in range(rounds):
            begun = perf_counter()
            found = WAYS[way](path, spans_of[path], Path(name))
            spent.append(perf_counter() - begun)
    many, mean, std = found
    told = {"seconds": min(spent), "megabytes": memory("VmHWM") - before, "windows": many}
    print(json.dumps(told | {"mean": mean.tolist(), "std": std.tolist()}))


def in_a_fresh_process(way, path, small, frames, rounds):
    """Return what ``child`` printed of a way."""
    wanted = [sys.executable, __file__, "--child", way, str(path), str(small)]
    wanted += ["--frames", str(frames), "--rounds", str(rounds)]
    told = subprocess.run(wanted, capture_output=True, text=True)
    if told.returncode:
        raise SystemExit(told.stderr)
    return json.loads(told.stdout.splitlines()[-1])


def building(frames, rounds):
    """Return (rows for people, figures, marks) of one length and of three times it, by each way."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {many: written(many, folder)[0] for many in (frames, 3 * frames, SMALL)}

        def built(way, many, turns=1):
            return in_a_fresh_process(way, paths[many], paths[SMALL], many, turns)

        told = {
            "built": built("ours", frames, rounds),
            "three_times": built("ours", 3 * frames),
            "plain": built("plain", frames, max(rounds // 2, 1)),
            "product": built("product", frames),
            "product_three_times": built("product", 3 * frames),
        }
    # Other windows of the same video: what they are scaled by must be nearly the same.
    if not _are_near(told["built"], told["plain"]):
        raise SystemExit("The two ways do not agree.")
    columns = len(told["built"]["mean"])
    many, thrice = f"{columns} columns x {frames:,} frames", f"{columns} x {3 * frames:,}"
    rows = [
        (many, _spelled(told["built"])),
        (thrice, _spelled(told["three_times"])),
        ("  the plain loop", _spelled(told["plain"])),
        (f"{many}, frozen and exported", _spelled(told["product"])),
        (f"{thrice}, frozen and exported", _spelled(told["product_three_times"])),
    ]
    figures = {
        name: {key: one[key] for key in ("seconds", "megabytes", "windows")}
        for name, one in told.items()
    }
    marks = {
        "built (s)": (told["built"]["seconds"], "<=", MOST_SECONDS),
        "built, memory (MB)": (told["built"]["megabytes"], "<=", MOST_MEGABYTES),
        "frozen and exported, memory (MB)": (told["product"]["megabytes"], "<=", MOST_MEGABYTES),
    }
    return rows, figures, marks


def _are_near(one, other):
    return all(np.allclose(one[name], other[name], atol=0.05) for name in ("mean", "std"))


def _spelled(told):
    return f"{told['seconds']:6.3f} s {told['megabytes']:6.0f} MB {told['windows']:,} windows"


def serving(quick):
    """Return (rows for people, figures): the milliseconds of one window by algorithm."""
    from detection.vision.task_columns import VALUES
    from detection.vision.windows import WindowSpec, ends, gather

    spec = WindowSpec()
    times, values, spans = video(2000 if quick else 6000)
    from training.learning.task_cuts import cut

    made = cut(times, spec, spans=spans)
    windows = gather(times, values, made.ends, spec)
    stream = gather(times, values, ends(times, spec), spec)
    columns = tuple(column.name for column in VALUES)
    rows, figures = [("one window at a time", "median     95 %  slowest")], {}
    for algorithm in ALGORITHMS:
        predictor = _trained(algorithm, windows, made.labels, columns, spec)
        spent = _asked(predictor, stream)
        median, high, most = (float(np.percentile(spent, at)) for at in (50, 95, 100))
        told = f"{median:6.3f} ms {high:6.3f} ms {most:6.3f} ms"
        rows.append((f"  {algorithm}", told))
        figures[algorithm] = {"median_ms": median, "p95_ms": high, "slowest_ms": most}
    return rows, figures


def _trained(algorithm, windows, labels, columns, spec):
    """Return a classifier as it serves; how long its network was trained changes no time here."""
    from training.learning import task_models

    few = {"epochs": 2} if algorithm in NETWORKS else {}
    model = task_models.fit(windows, labels, algorithm, few, columns=columns, spec=spec)
    return model.predictor()


def _asked(predictor, windows):
    """Return the milliseconds of every answer, from the window to the probabilities."""
    predictor.probabilities(windows[:1])
    spent = []
    for turn in range(ASKED):
        begun = perf_counter()
        predictor.probabilities(windows[turn % len(windows)][None])
        spent.append(1000 * (perf_counter() - begun))
    return spent


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="20,000 frames, smaller classifiers")
    parser.add_argument("--child", nargs=3, metavar="", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    frames = wanted.frames or (20_000 if wanted.quick else 100_000)
    if wanted.child:
        child(*wanted.child, frames, wanted.rounds)
        return
    from benchmarks.product import prepare
    from benchmarks.reporting import finish

    prepare()
    rows, figures, marks = building(frames, wanted.rounds)
    more, served = serving(wanted.quick)
    slowest = max(one["median_ms"] for one in served.values())
    marks["one window served, slowest kind (ms)"] = (slowest, "<=", MOST_MILLISECONDS)
    finish("windows", rows + more, figures | {"served": served}, marks)


if __name__ == "__main__":
    main()
