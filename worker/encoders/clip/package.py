"""The modules of the ``clip`` package (on PyPI: ``rf-clip``), without the package around them.

``import clip`` also imports torchvision, for a transform that is not used here, and with it torch's
compiler: almost half of a worker's import time. ``worker.encoders.clip.package.model`` is the
file of ``clip.model``, but its import does not import ``clip`` first.
"""

from importlib.util import find_spec

_package = find_spec("clip")
if _package is None:
    raise ModuleNotFoundError("No module named 'clip'", name="clip")

# A module with this attribute is a package: modules below it are searched for there.
__path__ = _package.submodule_search_locations
