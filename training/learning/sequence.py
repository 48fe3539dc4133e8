"""Networks that read a window step by step: trained with torch, kept as ONNX, which needs none.

They are small and trained on the processor with one thread, so that the same seed gives the same
weights. What is kept is asked beside what was trained before anybody relies on it.
"""

import io
import warnings
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from detection.vision.task_networks import INPUT, OUTPUT
from training.learning.task_figures import macro_f1

PATIENCE = 10
DROPOUT = 0.2
WEIGHT_DECAY = 1e-4
OPSET = 17
_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Learned:
    """A trained network.

    Attributes:
        content: of its ONNX file.
        temperature: what its logits are divided by.
        logits: (m, K) as torch gives them of the windows that were held back.
    """

    content: bytes
    temperature: float
    logits: np.ndarray


def learn(kind, train, val, classes, parameters, seed, report) -> Learned:
    """Train a network.

    Args:
        kind: "lstm", "tcn" or "transformer".
        train, val: (prepared windows (n, S, 2 C), places of the labels (n,)); a place of -1 is of
            a class that the training does not have. ``val`` may have no windows: then every epoch
            is gone through and the last one kept.
        classes: how many there are.
        report: told of every epoch; what it raises ends the training.
    """
    import torch

    with _alone(torch, seed):
        network = _network(torch, kind, train[0].shape[1:], classes, parameters["hidden"])
        _fit(torch, network, train, val, classes, parameters, seed, report)
        held_back = val[0] if len(val[0]) else train[0][:_AT_ONCE]
        logits = _logits(torch, network, held_back)
        temperature = fitted_temperature(logits, val[1]) if len(val[0]) else 1.0
        return Learned(_exported(torch, network, train[0].shape[1:]), temperature, logits)


@contextmanager
def _alone(torch, seed):
    """Give a training its own random numbers and one thread, and put all back afterwards."""
    threads = torch.get_num_threads()
    was_strict = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(was_strict)


def _network(torch, kind, shape, classes, hidden):
    from training.learning import sequence_networks

    make = {
        "lstm": sequence_networks.Recurrent,
        "tcn": sequence_networks.Convolved,
        "transformer": sequence_networks.Attentive,
    }[kind]
    return make(steps=shape[0], width=shape[1], classes=classes, hidden=hidden, dropout=DROPOUT)


def _fit(torch, network, train, val, classes, parameters, seed, report):
    """Train to the end, or until validation has not improved for long; the best epoch stays."""
    windows, places = torch.from_numpy(train[0]), torch.from_numpy(train[1])
    counts = np.maximum(np.bincount(train[1], minlength=classes), 1)
    weights = torch.tensor(len(places) / (classes * counts), dtype=torch.float32)
    loss_of = torch.nn.CrossEntropyLoss(weight=weights)
    rate = parameters["learning_rate"]
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=WEIGHT_DECAY)
    order = torch.Generator().manual_seed(seed)
    best, kept, since = None, None, 0
    for epoch in range(1, parameters["epochs"] + 1):
        loss = _epoch(torch, network, (windows, places), optimizer, loss_of, parameters, order)
        figures = {"epoch": epoch, "train_loss": loss}
        if len(val[0]):
            figures |= _validated(torch, network, val, classes)
            score = figures["val_macro_f1"], -figures["val_loss"]
            is_better = best is None or score > best
            since = 0 if is_better else since + 1
            if is_better:
                best, kept = score, {k: v.clone() for k, v in network.state_dict().items()}
        report.progress(epoch, parameters["epochs"], f"epoch {epoch}")
        report.epoch({name: round(value, 5) for name, value in figures.items()})
        if since >= PATIENCE:
            report.log(f"Validation has not improved for {PATIENCE} epochs: it ends at {epoch}.")
            break
    if kept is not None:
        network.load_state_dict(kept)
    network.eval()


def _epoch(torch, network, train, optimizer, loss_of, parameters, order):
    """Go through all windows once in random order and return the mean loss."""
    windows, places = train
    network.train()
    total = 0.0
    for chosen in torch.randperm(len(windows), generator=order).split(parameters["batch"]):
        optimizer.zero_grad()
        loss = loss_of(network(windows[chosen]), places[chosen])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        total += float(loss.detach()) * len(chosen)
    return total / len(windows)


def _validated(torch, network, val, classes):
    logits = _logits(torch, network, val[0])
    return {
        "val_loss": _loss(logits, val[1], 1.0),
        "val_macro_f1": macro_f1(val[1], logits.argmax(axis=1)),
    }


def _logits(torch, network, prepared):
    network.eval()
    with torch.no_grad():
        parts = [network(part).numpy() for part in torch.from_numpy(prepared).split(_AT_ONCE)]
    return np.concatenate(parts).astype(float)


def _loss(logits, places, temperature):
    """Return the mean surprise at what is true, of classes that the network knows."""
    known = places >= 0
    if not known.any():
        return 0.0
    raised = logits[known] / temperature
    raised = raised - raised.max(axis=1, keepdims=True)
    own = np.take_along_axis(raised, places[known][:, None], axis=1)[:, 0]
    return float((np.log(np.exp(raised).sum(axis=1)) - own).mean())


def fitted_temperature(logits: np.ndarray, places: np.ndarray) -> float:
    """Return what logits are best divided by (Guo et al. 2017), from 0.05 to 20."""
    low, high = np.log(0.05), np.log(20.0)
    golden = (np.sqrt(5) - 1) / 2
    for _ in range(60):  # the loss has one valley over the logarithm
        left, right = high - golden * (high - low), low + golden * (high - low)
        if _loss(logits, places, np.exp(left)) <= _loss(logits, places, np.exp(right)):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def _exported(torch, network, shape):
    """Return the content of an ONNX file for one window at a time."""
    sink = io.BytesIO()
    with warnings.catch_warnings():
        # Of the exporter's own future, and of lengths that vary, which ours do not.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            (torch.zeros(1, *shape),),
            sink,
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
        )
    return sink.getvalue()
