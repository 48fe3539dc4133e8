"""A picture teaches the classes that are labelled on it, and no others."""

import numpy as np
import pytest
import torch

from detection.vision import libraries
from tests.training.learning.lessons import NAMES, drawn


@pytest.fixture(scope="module")
def partial(tmp_path_factory):
    """Return the module, which must not be imported before the libraries are prepared."""
    libraries.prepare(tmp_path_factory.mktemp("cache"))
    from training.learning import partial_labels

    return partial_labels


@pytest.fixture
def network(partial):
    libraries.load_ultralytics()
    from ultralytics.cfg import get_cfg
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(3)
    network = DetectionModel("yolo11n.yaml", nc=3, verbose=False)
    network.args = get_cfg()
    return network


def batch_of(known, cls=(0, 1)):
    """Return a batch of two pictures, each with a box."""
    generator = torch.Generator().manual_seed(5)
    return {
        "img": torch.rand(2, 3, 64, 64, generator=generator),
        "batch_idx": torch.tensor([0.0, 1.0]),
        "cls": torch.tensor([[float(one)] for one in cls]),
        "bboxes": torch.tensor([[0.5, 0.5, 0.4, 0.4], [0.4, 0.4, 0.3, 0.3]]),
        "known": torch.tensor(known),
    }


def gradients(partial, network, batch):
    """Return the size of the gradient of each class's rows in every branch, (branches, classes)."""
    network.zero_grad()
    network.criterion = partial.partial_criterion(network)
    network.train()
    loss, _ = network.loss(batch)
    loss.sum().backward()
    head = network.model[-1]
    return torch.stack([branch[-1].weight.grad.abs().sum((1, 2, 3)) for branch in head.cv3])


def test_a_class_that_is_labelled_nowhere_gets_no_gradient(partial, network):
    felt = gradients(partial, network, batch_of([[True, True, False], [True, True, False]]))

    assert (felt[:, 2] == 0).all()
    assert (felt[:, :2] > 0).all()


def test_a_class_feels_only_the_pictures_on_which_it_is_labelled(partial, network):
    """What class 1 learns of two pictures is what it learns where the first is any other one."""
    labelled_on_second = [[True, False, False], [False, True, False]]
    batch = batch_of(labelled_on_second)
    first = network(batch["img"])["scores"].detach()
    loss_of_class(partial, network, first, batch)
    changed = first.clone()
    changed[0, 1:] += 3.0  # the first picture's scores of classes that nobody labelled on it

    assert loss_of_class(partial, network, changed, batch) == pytest.approx(
        loss_of_class(partial, network, first, batch)
    )
    changed[0, 0] += 3.0
    assert loss_of_class(partial, network, changed, batch) != pytest.approx(
        loss_of_class(partial, network, first, batch)
    )


def loss_of_class(partial, network, scores, batch):
    """Return the class term of the loss with these raw scores."""
    network.train()
    raw = network(batch["img"]) | {"scores": scores}
    return float(partial.partial_criterion(network)(raw, batch)[1]["cls_loss"])


def test_all_labelled_is_the_usual_loss(partial, network):
    from ultralytics.utils.loss import v8DetectionLoss

    batch = batch_of([[True] * 3, [True] * 3])
    network.train()
    raw = network(batch["img"])
    ours = partial.partial_criterion(network)(raw, batch)[0]

    assert torch.equal(ours, v8DetectionLoss(network)(raw, batch)[0])


def test_both_heads_of_a_network_with_two_leave_it_out(partial):
    libraries.load_ultralytics()
    from ultralytics.cfg import get_cfg
    from ultralytics.nn.tasks import DetectionModel

    network = DetectionModel("yolo26n.yaml", nc=3, verbose=False)
    network.args = get_cfg()
    network.criterion = partial.partial_criterion(network)
    network.train()
    network.loss(batch_of([[True, True, False]] * 2))[0].sum().backward()

    head = network.model[-1]
    for branch in (*head.cv3, *head.one2one_cv3):
        felt = branch[-1].weight.grad.abs().sum((1, 2, 3))
        assert felt[2] == 0 and (felt[:2] > 0).all()


def rows_of(pictures, known):
    return [
        {
            "path": str(picture.path),
            "shape": (72, 96),
            "boxes": [[label, *box] for label, box in picture.boxes],
            "known": known,
        }
        for picture in pictures
    ]


@pytest.fixture
def picture_set(partial, tmp_path):
    """Return a set of which six pictures are labelled for class 0 and four for both."""
    from ultralytics.cfg import get_cfg

    rows = rows_of(drawn(tmp_path, 6), [0]) + rows_of(drawn(tmp_path, 4, seed=1), [0, 1])
    return partial.PictureSet(
        rows,
        imgsz=64,
        batch_size=4,
        augment=True,
        hyp=get_cfg(),
        data={"names": dict(enumerate(NAMES)), "nc": 2, "channels": 3},
    )


def test_a_mosaic_joins_pictures_that_are_labelled_alike(picture_set, monkeypatch):
    joined = []
    read = type(picture_set).get_image_and_label

    def noted(self, number):
        joined[-1].append(number)
        return read(self, number)

    monkeypatch.setattr(type(picture_set), "get_image_and_label", noted)
    for _ in range(5):
        for number in range(len(picture_set)):
            joined.append([])
            picture_set[number]

    assert {len(numbers) for numbers in joined} == {4}
    assert all(len({number < 6 for number in numbers}) == 1 for numbers in joined)


def test_nothing_is_written_beside_the_pictures(picture_set, tmp_path):
    assert {path.suffix for path in tmp_path.iterdir()} == {".png"}
    assert len(picture_set) == 10
    label = picture_set.labels[0]
    assert label["bboxes"][0, 2:] == pytest.approx([0.4, 0.4])
    assert np.all(label["cls"] == 0)


def test_validation_counts_nothing_of_a_class_that_is_not_labelled(partial, monkeypatch):
    kept = []
    monkeypatch.setattr(
        partial.DetectionValidator, "update_metrics", lambda self, preds, batch: kept.extend(preds)
    )
    found = {
        "bboxes": torch.zeros(3, 4),
        "conf": torch.tensor([0.9, 0.8, 0.7]),
        "cls": torch.tensor([0.0, 1.0, 0.0]),
        "extra": torch.zeros(3, 0),
    }
    validator = partial.PartialValidator(args={"task": "detect", "mode": "val"})

    validator.update_metrics([found, found], {"known": torch.tensor([[True, False]] * 2)})

    assert [one["conf"].tolist() for one in kept] == [pytest.approx([0.9, 0.7])] * 2
