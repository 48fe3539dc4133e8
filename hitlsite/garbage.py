"""When Python looks for garbage that refers to itself.

By default it looks after every 700 objects that were made and kept, which slows a request, or an
export that keeps rows by the hundred.
"""

import gc
from contextlib import contextmanager

_SELDOM = (10_000, 20, 50)


def look_seldom():
    """From now on, and never again at what is loaded already; for a process that serves."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_SELDOM)


@contextmanager
def looked_for_seldom():
    """For as long as many rows pass by."""
    usual = gc.get_threshold()
    gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
