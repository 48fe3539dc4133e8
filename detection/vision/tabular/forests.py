"""A random forest as flat arrays, because asking scikit-learn for one row costs more than the row.

Every call to its trees checks, copies and schedules; walking all trees at once over arrays does
none of it.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class FlatForest:
    """All nodes of all trees one behind another; a leaf leads to itself.

    Attributes:
        roots: (trees,) where each tree begins.
        below: (nodes, 2) where a row goes on, to the right and to the left.
        feature, threshold: (nodes,) a row goes left where its feature is at most the threshold.
        nan_goes_left: (nodes,) where a missing value goes.
        shares: (nodes, classes) of each class.
        depth: of the deepest tree.
    """

    roots: np.ndarray
    below: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    nan_goes_left: np.ndarray
    shares: np.ndarray
    depth: int

    @classmethod
    def of(cls, forest) -> "FlatForest":
        """Return the arrays of a fitted RandomForestClassifier."""
        trees = [one.tree_ for one in forest.estimators_]
        counts = np.array([tree.node_count for tree in trees])
        roots = np.concatenate([[0], np.cumsum(counts)[:-1]])
        nodes = np.concatenate([tree.__getstate__()["nodes"] for tree in trees])
        offset = np.repeat(roots, counts)
        own = np.arange(len(nodes))
        is_leaf = nodes["left_child"] < 0
        right = np.where(is_leaf, own, nodes["right_child"] + offset)
        left = np.where(is_leaf, own, nodes["left_child"] + offset)
        values = np.concatenate([tree.value[:, 0, :] for tree in trees])
        return cls(
            roots=roots,
            below=np.stack([right, left], axis=1),
            feature=np.where(is_leaf, 0, nodes["feature"]),
            threshold=nodes["threshold"].copy(),
            nan_goes_left=nodes["missing_go_to_left"].astype(bool),
            shares=values / values.sum(axis=1, keepdims=True),
            depth=max(tree.max_depth for tree in trees),
        )

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return the mean share of each class (n, classes) over the trees."""
        # The trees were grown on single precision, so that is what thresholds are compared with.
        rows = np.asarray(features, dtype=np.float32)
        has_gaps = bool(np.isnan(rows).any())
        number = np.arange(len(rows))[:, None]
        node = np.broadcast_to(self.roots, (len(rows), len(self.roots)))
        for _ in range(self.depth):
            value = rows[number, self.feature[node]]
            goes_left = value <= self.threshold[node]
            if has_gaps:
                goes_left |= np.isnan(value) & self.nan_goes_left[node]
            node = self.below[node, goes_left.view(np.int8)]
        return self.shares[node].mean(axis=1)
