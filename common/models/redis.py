"""Models in Redis: one hash of roles, and one set of all known models."""

from __future__ import annotations

from typing import Literal, cast

from redis import Redis

from common.models.base import Roles, Switch
from common.redis.client import broker_call
from common.redis.scripts import RedisScript

# A hash of the active model, the following one, and the last switch as JSON.
ROLES_KEY = "glimpse:model"
# All models that have had workers.
_KNOWN = "glimpse:models"

_Step = Literal["begin", "hold", "activate", "refuse"]


class RedisModels:
    """Stores the models in Redis without expiry.

    Args:
        redis: A client that decodes responses.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._change = RedisScript(redis, "common/models/lua/change.lua")

    @broker_call
    def roles(self) -> Roles:
        """Return the models that run tasks now."""
        active, following = cast(
            "list[str | None]", self._redis.hmget(ROLES_KEY, "active", "following")
        )
        return Roles(active=active, following=following)

    @broker_call
    def adopt(self, model: str) -> Roles:
        """Note that workers of a model exist; make it active if none is."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.sadd(_KNOWN, model)
        pipe.hsetnx(ROLES_KEY, "active", model)
        pipe.hmget(ROLES_KEY, "active", "following")
        active, following = pipe.execute()[-1]
        return Roles(active=active, following=following)

    @broker_call
    def known(self) -> list[str]:
        """Return all models that have had workers, sorted."""
        return sorted(cast("set[str]", self._redis.smembers(_KNOWN)))

    @broker_call
    def forget(self, model: str) -> None:
        """Remove a model from the known ones."""
        self._redis.srem(_KNOWN, model)

    def begin_switch(self, switch: Switch) -> bool:
        """Start a switch; return False if a switch to another model is in progress."""
        return self._changed("begin", switch)

    def hold_uploads(self, model: str) -> bool:
        """Send uploads to the next model; return False if its switch was called off."""
        return self._changed("hold", Switch(model=model, state="running", at=0))

    def activate(self, model: str, now: float) -> bool:
        """Make the next model active; return False if its switch was called off."""
        return self._changed("activate", Switch(model=model, state="done", at=now))

    def refuse(self, model: str, detail: str, now: float) -> None:
        """End a switch in progress without success."""
        self._changed("refuse", Switch(model=model, state="refused", detail=detail, at=now))

    @broker_call
    def switch(self) -> Switch | None:
        """Return the last switch, or None if there was none."""
        text = cast("str | None", self._redis.hget(ROLES_KEY, "switch"))
        return None if text is None else Switch.model_validate_json(text)

    @broker_call
    def _changed(self, step: _Step, switch: Switch) -> bool:
        found = self._change(
            roles_key=ROLES_KEY, model=switch.model, step=step, switch=switch.model_dump_json()
        )
        return bool(found)
