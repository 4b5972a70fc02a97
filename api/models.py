"""The models of the service: which there are, the reindex, and the switch of the active one."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from api.schemas.model import Model, Models, NoiseThreshold, Switch, Workers
from api.search_worker import SearchWorker
from api.services import Services
from common.broker.names import queue_of
from common.contract import (
    INGEST_QUEUE,
    MODELS_DROP,
    MODELS_LIST,
    MODELS_SWITCH,
    QUEUES,
    REINDEX_QUEUE,
    SEARCH_QUEUE,
    Collection,
    Dropped,
    DropRequest,
    ModelsList,
    ModelsRequest,
    SwitchRequest,
)
from common.contract import NoiseThreshold as KnownNoise
from common.errors import (
    ModelActive,
    ModelHasNoWorker,
    ModelHasWorkers,
    NotFound,
    ReindexRunning,
    SwitchRunning,
)
from common.heartbeats import Heartbeat
from common.models.base import Switch as SwitchRecord
from common.reindex.base import Reindex
from common.reindex.tasks import send_slices

# Seconds to wait for a worker's answer.
_TIMEOUT_S = 4.0


def list_models(services: Services, worker: SearchWorker) -> Models:
    """Return all models that have a collection; raises ``WorkerUnavailable``."""
    collections = worker.call(MODELS_LIST, ModelsRequest(), ModelsList, _TIMEOUT_S).collections
    active = services.models.roles().active
    beats = services.heartbeats.alive()
    switch = services.models.switch()
    return Models(
        active=active,
        models=[_model(each, active, beats) for each in collections],
        switch=None if switch is None else Switch.of(switch),
    )


def use_model(services: Services, model: str, *, allow_missing: bool) -> None:
    """Start a switch of the active model, unless it is active already.

    Raises:
        ModelHasNoWorker: No worker of the model runs that could serve it.
        SwitchRunning: A switch to another model is in progress.
    """
    now = services.clock.now()
    if services.models.roles().active == model:
        switch = services.models.switch()
        if switch is not None and switch.state == "running":
            # A switch away from this model is called off.
            services.models.refuse(switch.model, f"{model} stays the active model.", now)
        return
    _require_workers(services, model, QUEUES)
    switch = SwitchRecord(model=model, state="running", allow_missing=allow_missing, at=now)
    if not services.models.begin_switch(switch):
        raise SwitchRunning("A switch to another model is in progress; see `GET /v1/models`.")
    request = SwitchRequest(model=model, allow_missing=allow_missing)
    services.dispatcher.send_to(
        queue_of(REINDEX_QUEUE, model), MODELS_SWITCH, uuid.uuid4().hex, request
    )


def drop_model(services: Services, worker: SearchWorker, model: str) -> None:
    """Drop the collection of a model that nothing uses.

    Raises:
        ModelActive: It is the active model.
        ModelHasWorkers: Workers of the model run; they would create the collection again.
        ReindexRunning: A reindex fills or reads it.
        SwitchRunning: The service switches to it.
        NotFound: It has no collection.
    """
    if services.models.roles().active == model:
        raise ModelActive(f"{model} is the active model; switch to another one first.")
    if _workers(services.heartbeats.alive(), model):
        raise ModelHasWorkers(f"Workers of {model} are running; stop them first.")
    reindex, switch = services.reindexes.get(), services.models.switch()
    if reindex is not None and reindex.state == "running" and model == reindex.model:
        raise ReindexRunning(f"A reindex for {model} is running; cancel it first.")
    if switch is not None and switch.state == "running" and switch.model == model:
        raise SwitchRunning(f"The service is switching to {model}.")
    dropped = worker.call(MODELS_DROP, DropRequest(model=model), Dropped, _TIMEOUT_S)
    services.models.forget(model)
    if not dropped.existed:
        raise NotFound(f"The model {model} has no collection; see `GET /v1/models`.")


def start_reindex(services: Services, model: str) -> Reindex:
    """Start to embed all images again with another model.

    Raises:
        ModelActive: It is the active model.
        ModelHasNoWorker: No ingest worker of the model runs.
        ReindexRunning: Another reindex is running.
    """
    active = services.models.roles().active
    if active is None or active == model:
        raise ModelActive(f"{model} is the active model; its collection needs no reindex.")
    _require_workers(services, model, [INGEST_QUEUE])
    reindex = Reindex(
        id=uuid.uuid4().hex,
        model=model,
        source=active,
        state="running",
        started_at=services.clock.now(),
    )
    if not services.reindexes.start(reindex):
        raise ReindexRunning("A reindex is running; wait for it or cancel it.")
    # If this is interrupted, the upkeep sends the rest.
    send_slices(reindex, services.dispatcher.send_to)
    return reindex


def last_reindex(services: Services) -> Reindex:
    """Return the last reindex; raises ``NotFound`` if there was none."""
    reindex = services.reindexes.get()
    if reindex is None:
        raise NotFound("There was no reindex.")
    return reindex


def cancel_reindex(services: Services) -> Reindex:
    """Cancel the reindex if it is running, and return it; what it embedded stays."""
    reindex = last_reindex(services)
    services.reindexes.end(reindex, "cancelled", services.clock.now())
    return last_reindex(services)


def _model(found: Collection, active: str | None, beats: Sequence[Heartbeat]) -> Model:
    workers = _workers(beats, found.model)
    return Model(
        name=found.model,
        revision=found.revision,
        dim=found.dim,
        noise_threshold=_noise(workers),
        images=found.images,
        active=found.model == active,
        workers=Workers(
            ingest=sum(beat.queue == INGEST_QUEUE for beat in workers),
            search=sum(beat.queue == SEARCH_QUEUE for beat in workers),
        ),
    )


def _noise(workers: Sequence[Heartbeat]) -> NoiseThreshold:
    """Return what a search worker knows of its model's noise; unknown without one."""
    known = (beat.noise_threshold for beat in workers if beat.queue == SEARCH_QUEUE)
    found = next((each for each in known if each is not None), KnownNoise())
    return NoiseThreshold(found.text, found.image)


def _workers(beats: Sequence[Heartbeat], model: str) -> list[Heartbeat]:
    return [beat for beat in beats if beat.model == model]


def _require_workers(services: Services, model: str, queues: Sequence[str]) -> None:
    beats = services.heartbeats.alive()
    served = {beat.queue for beat in _workers(beats, model)}
    for queue in queues:
        if queue not in served:
            others = ", ".join(sorted({beat.model for beat in beats})) or "none"
            raise ModelHasNoWorker(
                f"No {queue} worker of {model} is running; start one with GLIMPSE_MODEL={model}."
                f" Models with workers: {others}."
            )
