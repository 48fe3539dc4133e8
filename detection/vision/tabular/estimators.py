"""What each algorithm of scikit-learn is put together from, untrained; loaders compare with it."""

FOLDS = 3


def untrained(algorithm, parameters, seed=0, least=FOLDS):
    """Return the untrained estimator; only trees can do with missing values and any scale.

    Args:
        least: how many rows the rarest class has.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    weights = "balanced" if parameters["balanced"] else None
    if algorithm == "random_forest":
        return RandomForestClassifier(
            parameters["trees"],
            min_samples_leaf=parameters["leaf_rows"],
            random_state=seed,
            n_jobs=-1,
        )
    if algorithm == "logistic":
        return _scaled(LogisticRegression(C=parameters["c"], class_weight=weights, max_iter=2000))
    machine = SVC(C=parameters["c"], class_weight=weights, cache_size=500)
    # Its own probabilities are deprecated, and fitted five times over.
    return CalibratedClassifierCV(_scaled(machine), cv=min(FOLDS, least), ensemble=False)


def _scaled(estimator):
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler(), estimator
    )
