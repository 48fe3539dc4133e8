"""Giving a detector new classes without touching what it answers for the old ones.

Only the last layer of each class branch depends on the number of classes. Its rows are copied and
new ones appended, so that a detector that has grown answers for every old class what it answered
before, to the last digit; what it forgets afterwards, it forgets by training.
"""

import math
from collections.abc import Sequence

import torch
from torch import nn

# As the library starts a class: about five objects of it in a picture of 640 px.
_OBJECTS, _REFERENCE_PIXELS = 5, 640
_SPREAD = 0.01


def placed(
    known: Sequence[str], wanted: Sequence[str], former: Sequence[Sequence[str]] = ()
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the names of a detector that knows ``wanted`` as well, and the output of each of them.

    Names are compared without regard to case. A class that the detector knows under a name that it
    had before keeps that output and that name: rules of cameras ask for it.

    >>> placed(["person", "car"], ["Car", "forklift"])
    (('person', 'car', 'forklift'), (1, 2))
    """
    names, outputs = list(known), []
    former = former or [()] * len(wanted)
    for name, earlier in zip(wanted, former, strict=True):
        folded = [one.strip().casefold() for one in names]
        for alias in (name, *earlier):
            if alias.strip().casefold() in folded:
                outputs.append(folded.index(alias.strip().casefold()))
                break
        else:
            outputs.append(len(names))
            names.append(name)
    return tuple(names), tuple(outputs)


def grow(network: nn.Module, names: Sequence[str], seed: int = 0) -> None:
    """Give a detection network the outputs for ``names``, of which it has the first ones already.

    Raises:
        ValueError: the names do not begin with those of the network.
    """
    before = [network.names[index] for index in sorted(network.names)]
    if list(names[: len(before)]) != before:
        raise ValueError("the names do not begin with those that the network has")
    head = network.model[-1]
    generator = torch.Generator().manual_seed(seed)
    for branches in (head.cv3, getattr(head, "one2one_cv3", None)):
        for branch, stride in zip(branches or (), head.stride, strict=False):
            branch[-1] = _widened(branch[-1], len(names), float(stride), generator)
    head.nc = network.nc = len(names)
    head.no = head.nc + 4 * head.reg_max
    network.yaml["nc"] = len(names)
    network.names = dict(enumerate(names))


def _widened(layer, outputs, stride, generator):
    added = outputs - layer.out_channels
    if not added:
        return layer
    wide = nn.Conv2d(layer.in_channels, outputs, 1).to(layer.weight.device, layer.weight.dtype)
    weight = _SPREAD * torch.randn(added, *layer.weight.shape[1:], generator=generator)
    bias = math.log(_OBJECTS / outputs / (_REFERENCE_PIXELS / stride) ** 2)
    with torch.no_grad():
        wide.weight.copy_(torch.cat([layer.weight, weight.to(layer.weight)]))
        wide.bias.copy_(torch.cat([layer.bias, torch.full((added,), bias).to(layer.bias)]))
    return wide
