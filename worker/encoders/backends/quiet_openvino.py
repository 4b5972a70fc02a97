"""OpenVINO, imported without its telemetry.

Importing it reports the import, and each conversion, to Google Analytics if the package
``openvino-telemetry`` can be imported. It is a dependency of OpenVINO, so it is always installed;
without it OpenVINO uses a stub that sends nothing. Only this module imports OpenVINO first.
"""

from __future__ import annotations

import sys

# Python raises ModuleNotFoundError for a module whose entry is None.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # noqa: E402 (only now is it quiet)

__all__ = ["openvino"]
