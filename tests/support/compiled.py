"""Compiles modules that the tests import late, while other modules are imported."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

# Packages that are mostly used, and take long to compile. Of SymPy's modules, few are used.
_PACKAGES = ("torch/_dynamo", "torch/_inductor", "torch/fx", "timm", "torchvision", "scipy")
_PROGRAM = """
import compileall, sys, sympy
for folder in sys.argv[1:]:
    compileall.compile_dir(folder, quiet=2)
"""


def compile_ahead() -> None:
    """Compile them on the core that has nothing else to do; if they are, this takes a second."""
    packages = Path(sysconfig.get_path("purelib"))
    folders = [str(packages / name) for name in _PACKAGES]
    subprocess.run([sys.executable, "-c", _PROGRAM, *folders], check=True)
