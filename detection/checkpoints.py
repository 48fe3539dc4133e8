"""Turn the state of an ingestion into bytes and back, without pickle.

A state is nested dicts and lists of JSON values and numpy arrays. The arrays go into one
npz, beside a JSON text that says where each of them stood.
"""

import io
import json

import numpy as np

_ARRAY = "__array__"
_LAYOUT = "layout"


def encode(state):
    """Return ``state`` as bytes.

    Raises:
        TypeError: something in it is neither a JSON value nor an array.
    """
    arrays = {}
    layout = _take_arrays(state, arrays)
    text = json.dumps(layout, separators=(",", ":")).encode()
    stream = io.BytesIO()
    np.savez(stream, **arrays, **{_LAYOUT: np.frombuffer(text, np.uint8)})
    return stream.getvalue()


def decode(content):
    """Return the state that ``encode`` was given."""
    with np.load(io.BytesIO(bytes(content)), allow_pickle=False) as archive:
        layout = json.loads(archive[_LAYOUT].tobytes())
        return _put_arrays(layout, archive)


def _take_arrays(value, arrays):
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {_ARRAY: name}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _take_arrays(part, arrays) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_take_arrays(part, arrays) for part in value]
    return value


def _put_arrays(value, archive):
    if isinstance(value, dict):
        if _ARRAY in value:
            return archive[value[_ARRAY]]
        return {key: _put_arrays(part, archive) for key, part in value.items()}
    if isinstance(value, list):
        return [_put_arrays(part, archive) for part in value]
    return value
