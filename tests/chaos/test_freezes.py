"""Workers frozen past their leases, on Milvus Lite."""

from __future__ import annotations

from tests.support.chaos.freezes import Freezes


class TestOnLite(Freezes):
    """The attacks on the Milvus Lite that all chaos tests share."""

    on, workers, freezes = "Lite", 3, 2
