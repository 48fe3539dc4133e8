"""A detector that learns new classes answers for the old ones as before."""

import pytest
import torch

from detection.vision import libraries
from training.learning.growing_head import grow, placed


@pytest.fixture
def network(tmp_path_factory):
    """Return a detection network for two classes, with running averages of something."""
    libraries.prepare(tmp_path_factory.mktemp("cache"))
    libraries.load_ultralytics()
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(3)
    network = DetectionModel("yolo11n.yaml", nc=2, verbose=False)
    network.names = {0: "person", 1: "car"}
    return network.eval()


@pytest.mark.parametrize(
    ("wanted", "former", "names", "outputs"),
    [
        (["forklift"], (), ("person", "car", "forklift"), (2,)),
        (["Car", " PERSON "], (), ("person", "car"), (1, 0)),
        (["human", "van"], [["person"], []], ("person", "car", "van"), (0, 2)),
        (["van", "lorry"], [["car"], ["car"]], ("person", "car"), (1, 1)),
        (["car"], [["person"]], ("person", "car"), (1,)),
        ([], (), ("person", "car"), ()),
    ],
)
def test_classes_find_the_outputs_that_they_have(wanted, former, names, outputs):
    assert placed(["person", "car"], wanted, former) == (names, outputs)


def test_old_outputs_stay_to_the_last_digit(network):
    pictures = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        before = network(pictures)[0]
        grow(network, ("person", "car", "forklift", "pallet"))
        after = network(pictures)[0]

    assert after.shape == (2, before.shape[1] + 2, before.shape[2])
    assert torch.equal(before, after[:, : before.shape[1]])
    assert after[:, -2:].max() < 0.05  # what is new is not seen anywhere yet


def test_everything_that_tells_of_classes_is_in_step(network):
    grow(network, ("person", "car", "forklift"))

    head = network.model[-1]
    assert (head.nc, head.no, network.nc, network.yaml["nc"]) == (3, 67, 3, 3)
    assert network.names == {0: "person", 1: "car", 2: "forklift"}


def test_the_same_seed_grows_the_same_rows(network):
    import copy

    other = copy.deepcopy(network)
    for one in (network, other):
        grow(one, ("person", "car", "forklift"), seed=7)

    pairs = zip(network.parameters(), other.parameters(), strict=True)
    assert all(torch.equal(mine, theirs) for mine, theirs in pairs)


def test_both_heads_of_a_network_that_suppresses_by_itself_grow(tmp_path):
    from ultralytics.nn.tasks import DetectionModel

    network = DetectionModel("yolo26n.yaml", nc=2, verbose=False).eval()
    network.names = {0: "person", 1: "car"}
    grow(network, ("person", "car", "forklift"))

    head = network.model[-1]
    for branches in (head.cv3, head.one2one_cv3):
        assert {branch[-1].out_channels for branch in branches} == {3}


def test_names_that_do_not_begin_with_the_old_ones_are_refused(network):
    with pytest.raises(ValueError, match="do not begin"):
        grow(network, ("car", "person", "forklift"))
