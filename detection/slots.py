"""The places that a model can serve in, and what each place promises.

Everything that learns goes through one core: what differs between the slots stands here as values,
and as one module each in ``training.services.slot_work``.
"""

from dataclasses import dataclass

OBJECT_DETECTOR = "object-detector"
POSE_ANOMALY = "pose-anomaly"
TASK_CLASSIFIER = "task-classifier"
LOD_POLICY = "lod-policy"
INCIDENT_TRIAGE = "incident-triage"


@dataclass(frozen=True, slots=True)
class Slot:
    """What a slot's models take and answer.

    Attributes:
        name: as it stands in rows, addresses and files; never changed.
        title: for people.
        takes: what one prediction is made of.
        answers: what a prediction says.
        figure: the key of the figure that the gate compares.
        sample: what its policy counts in ``min_samples``, in the singular.
        algorithms: those that can be trained, the usual one first; none where nothing is trained
            yet.
        is_tabular: whether it answers rows of numbers over the API.
    """

    name: str
    title: str
    takes: str
    answers: str
    figure: str
    sample: str
    algorithms: tuple[str, ...] = ()
    is_tabular: bool = False

    @property
    def is_trainable(self):
        return bool(self.algorithms)


TABULAR_ALGORITHMS = ("random_forest", "svm", "logistic", "lightgbm")
# Short names that people use; what is stored and shown is the long one.
ALGORITHM_ALIASES = {"rf": "random_forest"}
TASK_ALGORITHMS = ("random_forest", "lightgbm", "lstm", "tcn", "transformer", "online")
SLOTS = {
    slot.name: slot
    for slot in (
        Slot(
            OBJECT_DETECTOR,
            "Object detector",
            "a picture",
            "boxes with class and score",
            "map50",
            "annotated picture",
            ("yolo",),
        ),
        Slot(
            POSE_ANOMALY,
            "Pose anomaly",
            "a window of 24 poses with 17 joints",
            "a score of strangeness",
            "auc",
            "window with feedback",
        ),
        Slot(
            TASK_CLASSIFIER,
            "Task classifier",
            "a window of features",
            "a task",
            "macro_f1",
            "labelled span",
            TASK_ALGORITHMS,
        ),
        Slot(
            LOD_POLICY,
            "Level-of-detail policy",
            "five measures of a device and the ten before them",
            "a level of detail",
            "macro_f1",
            "labelled row",
            TABULAR_ALGORITHMS,
            is_tabular=True,
        ),
        Slot(
            INCIDENT_TRIAGE,
            "Incident triage",
            "what is known of an incident before anybody looks",
            "how likely a person will confirm it",
            "auc",
            "decision",
            ("lightgbm", "logistic", "random_forest"),
        ),
    )
}


def trainable():
    """Return the slots that can be trained, in order."""
    return [slot for slot in SLOTS.values() if slot.is_trainable]
