"""How many labelled pictures it takes, chosen as the product chooses them or drawn at random.

Material: COCO128, 128 photos labelled by people, in two pools:

    photos        the photos as they are: each unlike the others
    near-copies   one photo in four is there nine times, eight of them a little darker or lighter
                  and shifted: what a fixed camera's frames are like

The learner is a cheap one, so that hundreds can be trained: which classes a picture shows, by
logistic regression on its look to a frozen detector (training.learning.embeddings of yolo11n, which
has seen COCO itself). It is not the fine-tuned detector: what is measured is labels for this
learner. A photo's copies are never on both sides: half of the photos test, the others and their
copies are the pool. From the same eight labelled at random, each way asks for six more at a time:

    random        drawn at random
    doubt         where the learner is least sure (active.near_threshold)
    distance      farthest from what is labelled (active.k_center)
    product       both, one in ten at random (active.select)

Figure: labels until the mean average precision over the classes, on the test photos, reaches 95 %
of what the whole pool gives; a seed's figure is the mean of its splits. The interval of the ratio
to random, above 1 where labels are saved, is a bootstrap over seeds. All seeds share the 128
photos, so that it says how sure the figure is of this material and not of another.

    python benchmarks/active_learning.py [--seeds N] [--splits N] [--quick]
"""

import argparse
import os
import sys
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
FIRST, STEP, TARGET = 8, 6, 0.95
COPIED_ONE_IN, COPIES = 4, 8
LEAST_POSITIVES = 4
WAYS = ("random", "doubt", "distance", "product")
DRAWS = 10_000


def material():
    """Return the photos (BGR) and which classes each shows, (photos, classes) bool."""
    import cv2

    from review.labels import yolo

    shared = Path(os.environ.get("SECOND_LOOK_SHARED") or ROOT.parent / "shared")
    folder = shared / "images/coco128"
    if not folder.is_dir():
        sys.exit(f"There is no {folder}.")
    read = yolo.read_folder(folder)
    pictures = sorted(read.pictures, key=lambda one: str(one.path))
    shows = np.zeros((len(pictures), max(read.class_names) + 1), bool)
    for row, picture in enumerate(pictures):
        shows[row, [box.label for box in picture.boxes]] = True
    return [cv2.imread(str(one.path)) for one in pictures], shows


def copies(image, rng):
    """Return near-copies of a picture: other light, shifted by a few per cent."""
    height, width = image.shape[:2]
    made = []
    for _ in range(COPIES):
        top, left = (rng.integers(0, max(side // 25, 1)) for side in (height, width))
        shifted = image[top : height - height // 25 + top, left : width - width // 25 + left]
        made.append(np.clip(shifted * rng.uniform(0.85, 1.15), 0, 255).astype(np.uint8))
    return made


def looks(images, weights):
    from detection.vision import libraries
    from training.learning.embeddings import embeddings

    libraries.prepare(Path(os.environ.get("SECOND_LOOK_DATA_DIR") or ROOT / "var") / "cache")
    return embeddings(weights, images)


class Probe:
    """Logistic regression for every class on looks; a class without both answers is its share."""

    def __init__(self, rows, shows):
        from sklearn.linear_model import LogisticRegression

        self._models = []
        for truths in shows.T:
            if truths.all() or not truths.any():
                self._models.append(float(truths.mean()))
                continue
            model = LogisticRegression(C=30.0, class_weight="balanced", max_iter=200)
            self._models.append(model.fit(rows, truths))

    def shares(self, rows):
        """Return how likely each picture shows each class, (pictures, classes)."""
        return np.stack(
            [
                np.full(len(rows), one) if isinstance(one, float) else one.predict_proba(rows)[:, 1]
                for one in self._models
            ],
            axis=1,
        )


def mean_precision(probe, rows, shows):
    from sklearn.metrics import average_precision_score

    told = probe.shares(rows)
    return float(
        np.mean([average_precision_score(*one) for one in zip(shows.T, told.T, strict=True)])
    )


def next_labels(way, labelled, pool, rows, probe, seed):
    """Return the places that a way asks for next."""
    from training.learning import active

    rest = np.setdiff1d(pool, labelled)
    count = min(STEP, len(rest))
    if way == "random":
        return np.random.default_rng([seed, len(labelled)]).choice(rest, count, replace=False)
    if way == "distance":
        chosen = active.k_center(rows[rest], count, labelled=rows[labelled])
        return rest[[place for place, _ in chosen]]
    shares = probe.shares(rows[rest])
    doubts = [active.near_threshold(one, 0.5) for one in shares]
    candidates = [
        active.Candidate(f"{place:05}", doubt=doubt)
        for place, doubt in zip(rest, doubts, strict=True)
    ]
    looks_of = (None, None) if way == "doubt" else (rows[rest], rows[labelled])
    share = 0.0 if way == "doubt" else active.RANDOM_SHARE
    picks = active.select(
        candidates,
        count,
        seed=seed + len(labelled),
        embeddings=looks_of[0],
        labelled=looks_of[1],
        random_share=share,
    )
    return np.array([int(pick.key) for pick in picks])


def labels_needed(way, split, rows, shows, seed):
    """Return how many labels a way takes, the whole pool where it never gets there before."""
    pool, test, first = split
    whole = mean_precision(Probe(rows[pool], shows[pool]), rows[test], shows[test])
    labelled = first
    while len(labelled) < len(pool):
        probe = Probe(rows[labelled], shows[labelled])
        if mean_precision(probe, rows[test], shows[test]) >= TARGET * whole:
            break
        chosen = next_labels(way, labelled, pool, rows, probe, seed)
        labelled = np.concatenate((labelled, chosen))
    return len(labelled)


def split_of(photo, shows, seed):
    """Return the pool, the test rows (originals only), the first labels, and the classes."""
    rng = np.random.default_rng(seed)
    photos = np.unique(photo)
    is_test = np.zeros(photos.max() + 1, bool)
    is_test[rng.permutation(photos)[: len(photos) // 2]] = True
    originals = np.unique(photo, return_index=True)[1]
    test = originals[is_test[photo[originals]]]
    pool = np.flatnonzero(~is_test[photo])
    first = rng.choice(pool, FIRST, replace=False)
    enough = np.minimum(shows[test].sum(axis=0), shows[np.setdiff1d(originals, test)].sum(axis=0))
    return (pool, test, first), np.flatnonzero(enough >= LEAST_POSITIVES)


def measured(rows, photo, shows, seeds, splits):
    """Return {way: (seeds,) mean labels}, and how many classes and pictures there were."""
    needed, classes, sizes = {way: [] for way in WAYS}, [], []
    for seed in range(seeds):
        counts = {way: [] for way in WAYS}
        for number in range(splits):
            own = 1000 * seed + number
            split, kept = split_of(photo, shows, own)
            classes.append(len(kept))
            sizes.append(len(split[0]))
            for way in WAYS:
                counts[way].append(labels_needed(way, split, rows, shows[:, kept], own))
        for way in WAYS:
            needed[way].append(float(np.mean(counts[way])))
    told = float(np.mean(classes)), float(np.mean(sizes))
    return {way: np.array(found) for way, found in needed.items()}, told


def ratio(random, other, seed=0):
    """Return (ratio of means, lower, upper) by a bootstrap over seeds, 95 of 100."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(random), (DRAWS, len(random)))
    ratios = random[drawn].mean(axis=1) / other[drawn].mean(axis=1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(random.mean() / other.mean()), float(low), float(high)


def report(name, needed, told, rows, figures):
    classes, size = told
    rows.append((f"{name}: pool of {size:.0f}", f"{classes:.1f} classes on average"))
    for way in WAYS:
        value, low, high = ratio(needed["random"], needed[way])
        labels = float(needed[way].mean())
        figures[f"{name}, {way}"] = {"labels": labels, "ratio": value, "low": low, "high": high}
        told = f"{labels:6.1f} labels"
        if way != "random":
            word = "saves" if low > 1 else "costs" if high < 1 else "no difference shown"
            told += f"   random / this {value:.2f} ({low:.2f} to {high:.2f}), {word}"
        rows.append((f"  {way}", told))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--splits", type=int)
    parser.add_argument("--quick", action="store_true", help="2 splits a seed instead of 8")
    wanted = parser.parse_args()
    splits = wanted.splits or (2 if wanted.quick else 8)
    sys.path.insert(0, str(ROOT))
    warnings.filterwarnings("ignore", category=UserWarning)
    from benchmarks.reporting import finish

    begun = perf_counter()
    images, shows = material()
    models = Path(os.environ.get("SECOND_LOOK_MODEL_DIR") or ROOT / "var/models")
    rng = np.random.default_rng(0)
    copied = range(0, len(images), COPIED_ONE_IN)
    every = images + [one for place in copied for one in copies(images[place], rng)]
    photo = np.array([*range(len(images)), *np.repeat(copied, COPIES)])
    found = looks(every, models / "yolo11n.pt")
    rows, figures = [("looks", f"{len(every)} pictures, {perf_counter() - begun:.0f} s")], {}
    for name, count in (("photos", len(images)), ("near-copies", len(every))):
        chosen = photo[:count]
        needed, told = measured(found[:count], chosen, shows[chosen], wanted.seeds, splits)
        report(name, needed, told, rows, figures)
    rows.append(("seeds, splits of each", f"{wanted.seeds}, {splits}"))
    finish("active_learning", rows, figures, {})


if __name__ == "__main__":
    main()
