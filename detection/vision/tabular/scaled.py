"""Ask a scaled linear or support vector classifier for few rows without what pipelines check.

For one row the checks of scikit-learn's pipelines take several times as long as the answer.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class ScaledModel:
    """The arrays of a fitted pipeline of imputer, scaler and classifier.

    Attributes:
        medians, mean, scale: (columns,) what stands in for NaN, and what is scaled by.
        decide: gives (n, classes) or, of two classes, (n,) from scaled rows.
        slopes, offsets: (classes,) or one, of the calibration; None where decisions are logits.
    """

    medians: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    decide: object
    slopes: np.ndarray | None = None
    offsets: np.ndarray | None = None

    @classmethod
    def of(cls, estimator) -> "ScaledModel":
        """Return the arrays of a fitted pipeline, or of a calibrated one."""
        if hasattr(estimator, "steps"):
            return cls._of_steps(estimator, lambda last: lambda x: _linear(last, x))
        (inner,) = estimator.calibrated_classifiers_
        found = cls._of_steps(inner.estimator, lambda last: last.decision_function)
        slopes = np.array([one.a_ for one in inner.calibrators])
        offsets = np.array([one.b_ for one in inner.calibrators])
        return cls(found.medians, found.mean, found.scale, found.decide, slopes, offsets)

    @classmethod
    def _of_steps(cls, pipeline, decide):
        imputer, scaler, last = (part for _, part in pipeline.steps)
        return cls(imputer.statistics_, scaler.mean_, scaler.scale_, decide(last))

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return the probability of each class, (n, classes)."""
        known = np.where(np.isnan(features), self.medians, features)
        decided = np.asarray(self.decide((known - self.mean) / self.scale))
        if self.slopes is None:
            return _softmax(decided)
        decided = decided.reshape(len(features), -1)
        # Platt's sigmoid as scikit-learn fits it, one class against the rest.
        shares = 1.0 / (1.0 + np.exp(self.slopes * decided + self.offsets))
        if shares.shape[1] == 1:
            return np.concatenate([1.0 - shares, shares], axis=1)
        total = shares.sum(axis=1, keepdims=True)
        even = np.full_like(shares, 1.0 / shares.shape[1])
        return np.divide(shares, total, out=even, where=total > 0)


def _linear(model, scaled):
    decided = scaled @ model.coef_.T + model.intercept_
    # Of two classes there is one row, the logit of the second.
    is_binary = len(model.coef_) == 1
    return np.concatenate([np.zeros_like(decided), decided], axis=1) if is_binary else decided


def _softmax(logits):
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
