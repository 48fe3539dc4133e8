"""Files of models read so that a damaged or a stranger's one is named, and nothing in it is run."""

import json
from contextlib import suppress
from pathlib import Path

from hitlsite.errors import DomainError

MOST_TOLD_BYTES = 1_000_000
# Besides the estimators of scikit-learn that skops knows to be harmless.
TRUSTED = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.tree._tree.Tree",
)


def told_of(path: Path):
    """Return what a JSON file holds, None where it is no JSON.

    Raises:
        DomainError: artifact_missing; artifact_damaged, where it is too large to be one.
    """
    content = content_of(path, most=MOST_TOLD_BYTES)
    with suppress(ValueError, RecursionError):
        return json.loads(content)
    return None


def booster_of(path: Path, classes: int, columns: int):
    """Return LightGBM's booster of a file.

    Raises:
        DomainError: artifact_missing, artifact_damaged.
    """
    import lightgbm

    content = content_of(path)
    try:
        booster = lightgbm.Booster(model_str=content.decode("utf-8"))
    except (lightgbm.basic.LightGBMError, ValueError) as error:
        raise damaged(path, "it is no model of LightGBM") from error
    if booster.num_model_per_iteration() != classes or booster.num_feature() != columns:
        raise damaged(path, "its classes or columns are others than those beside it")
    return booster


def estimator_of(path: Path, algorithm: str, expected):
    """Return the estimator of scikit-learn that a file of skops holds.

    Args:
        expected: an untrained one, put together as it must be.

    Raises:
        DomainError: artifact_missing, artifact_damaged, artifact_refused.
    """
    import skops.io

    content = content_of(path)
    try:
        foreign = set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED)
        if foreign:
            names = ", ".join(sorted(foreign)[:3])
            raise refused(path, f"holds {names}: it is not read")
        estimator = skops.io.loads(content, trusted=list(TRUSTED))
    except DomainError:
        raise
    except Exception as error:  # whatever a reader of strangers' files may raise
        raise damaged(path, "it is no file of skops") from error
    if _makeup(estimator) != _makeup(expected):
        raise refused(path, f"holds no {algorithm} of ours")
    return estimator


def _makeup(estimator):
    """Return the types that an estimator is put together from."""
    parts = [part for _, part in getattr(estimator, "steps", ())]
    inner = getattr(estimator, "estimator", None) if not parts else None
    if type(estimator).__name__ == "CalibratedClassifierCV":
        parts = [inner]
    return type(estimator), [_makeup(part) for part in parts]


def content_of(path: Path, *, most: int | None = None) -> bytes:
    """Return a file's content.

    Raises:
        DomainError: artifact_missing; artifact_damaged, where it has more than ``most`` bytes.
    """
    try:
        if most is not None and path.stat().st_size > most:
            raise damaged(path, "it is too large")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DomainError("artifact_missing", f"The model file {path.name} is missing.") from error


def damaged(path: Path, why: str) -> DomainError:
    return DomainError("artifact_damaged", f"The model file {path.name} cannot be used: {why}.")


def refused(path: Path, what: str) -> DomainError:
    return DomainError("artifact_refused", f"The model file {path.name} {what}.")
