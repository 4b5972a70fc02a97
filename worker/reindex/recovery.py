"""Sends tasks of a reindex or a switch again whose messages were lost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from common.broker.names import queue_of
from common.contract import MODELS_SWITCH, REINDEX_QUEUE, SwitchRequest
from common.models.base import Models
from common.reindex.base import SLICES, Reindexes
from common.reindex.tasks import SendTo, send_slices

log = logging.getLogger(__name__)


class ReindexRecovery:
    """A chore of the upkeep; see ``worker.upkeep.lost_tasks``.

    Args:
        reindexes: The record of the reindex.
        models: The record of the switch.
        payloads: Returns the payloads in a queue of this name, waiting and delivered.
        send_to: Sends a task.
    """

    def __init__(
        self,
        reindexes: Reindexes,
        models: Models,
        payloads: Callable[[str], list[dict[str, Any]]],
        send_to: SendTo,
    ) -> None:
        self._reindexes = reindexes
        self._models = models
        self._payloads = payloads
        self._send_to = send_to

    def recover(self) -> None:
        """Send lost tasks again; tasks that run twice do no harm."""
        self._recover_slices()
        self._recover_switch()

    def _recover_slices(self) -> None:
        reindex = self._reindexes.get()
        if reindex is None or reindex.state != "running":
            return
        held = {found.get("slice") for found in self._queued(reindex.model)}
        # With no slice open, the end of the pass was lost; any slice's task makes up for it.
        open_slices = self._reindexes.open_slices(reindex.id) or SLICES[:1]
        lost = [name for name in open_slices if name not in held]
        if lost:
            log.warning("reindex.sent_again slices=%d", len(lost))
            send_slices(reindex, self._send_to, lost)

    def _recover_switch(self) -> None:
        switch = self._models.switch()
        if switch is None or switch.state != "running":
            return
        if not any("allow_missing" in found for found in self._queued(switch.model)):
            log.warning("models.switch_sent_again model=%s", switch.model)
            request = SwitchRequest(model=switch.model, allow_missing=switch.allow_missing)
            queue = queue_of(REINDEX_QUEUE, switch.model)
            self._send_to(queue, MODELS_SWITCH, f"switch-{switch.at}", request)

    def _queued(self, model: str) -> list[dict[str, Any]]:
        return self._payloads(queue_of(REINDEX_QUEUE, model))
