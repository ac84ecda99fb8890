"""The kernels are imported when one is first called: numba takes longer to import than the rest."""

import sys
from importlib.util import LazyLoader, find_spec, module_from_spec

if (spec := find_spec("rnncore.kernels")) and spec.loader:
    spec.loader = LazyLoader(spec.loader)
    kernels = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(kernels)
    vars(sys.modules["rnncore"])["kernels"] = kernels  # `from rnncore import` would load it
