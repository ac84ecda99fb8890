"""The kernels are imported when one is first called: numba takes longer to import than the rest."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any


class Lazy(ModuleType):
    """A module that is loaded when it is first asked for something, by one thread for all.

    `importlib.util.LazyLoader` lets a second thread see the module while it is half loaded.
    """

    def load_from(self, spec: ModuleSpec) -> None:
        """Load it from `spec` later; at the latest before a module in it is."""
        vars(self).pop("__path__")
        vars(self).update(_lazy_spec=spec, _lazy_lock=RLock())

    def __getattr__(self, name: str) -> Any:
        """What the module has once it is loaded."""
        if name.startswith("__") and name != "__path__":  # what inspects modules loads none
            raise AttributeError(name)
        known = vars(self)
        with known["_lazy_lock"]:
            if spec := known.pop("_lazy_spec", None):
                known["__path__"] = spec.submodule_search_locations
                try:
                    spec.loader.exec_module(self)
                except BaseException:
                    known["_lazy_spec"] = spec
                    del known["__path__"]
                    raise
        if name not in known:
            raise AttributeError(f"module {self.__name__} has no attribute {name}")
        return known[name]


if (spec := find_spec("rnncore.kernels")) and spec.loader:
    kernels = module_from_spec(spec)
    kernels.__class__ = Lazy
    kernels.load_from(spec)
    sys.modules[spec.name] = vars(sys.modules["rnncore"])["kernels"] = kernels
