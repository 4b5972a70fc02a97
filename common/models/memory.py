"""Models in this process's memory: the complete fake for tests."""

from __future__ import annotations

import threading

from common.models.base import Roles, Switch


class MemoryModels:
    """Models that last as long as the object.

    Args:
        active: The active model.
    """

    def __init__(self, active: str | None = None) -> None:
        self._lock = threading.Lock()
        self._roles = Roles(active=active)
        self._known = set() if active is None else {active}
        self._switch: Switch | None = None

    def roles(self) -> Roles:
        """Return the models that run tasks now."""
        return self._roles

    def adopt(self, model: str) -> Roles:
        """Note that workers of a model exist; make it active if none is."""
        with self._lock:
            self._known.add(model)
            if self._roles.active is None:
                self._roles = Roles(active=model)
            return self._roles

    def known(self) -> list[str]:
        """Return all models that have had workers, sorted."""
        return sorted(self._known)

    def forget(self, model: str) -> None:
        """Remove a model from the known ones."""
        self._known.discard(model)

    def begin_switch(self, switch: Switch) -> bool:
        """Start a switch; return False if a switch to another model is in progress."""
        with self._lock:
            found = self._switch
            if found is not None and found.state == "running" and found.model != switch.model:
                return False
            self._switch = switch
            return True

    def hold_uploads(self, model: str) -> bool:
        """Send uploads to the next model; return False if its switch was called off."""
        with self._lock:
            if not self._is_running(model):
                return False
            self._roles = Roles(active=self._roles.active, following=model)
            return True

    def activate(self, model: str, now: float) -> bool:
        """Make the next model active; return False if its switch was called off."""
        with self._lock:
            if not self._is_running(model):
                return False
            self._roles = Roles(active=model)
            self._switch = Switch(model=model, state="done", at=now)
            return True

    def refuse(self, model: str, detail: str, now: float) -> None:
        """End a switch in progress without success."""
        with self._lock:
            if self._is_running(model):
                self._roles = Roles(active=self._roles.active)
                self._switch = Switch(model=model, state="refused", detail=detail, at=now)

    def switch(self) -> Switch | None:
        """Return the last switch, or None if there was none."""
        return self._switch

    def _is_running(self, model: str) -> bool:
        found = self._switch
        return found is not None and found.state == "running" and found.model == model
