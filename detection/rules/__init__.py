"""Turns tracks into rule hits and rule hits into incidents.

Every module of this package is imported here, so that a new kind of rule is one class in one
file: defining it registers it (see ``base.Rule``).
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
