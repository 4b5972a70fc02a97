"""The table of operations: the scope, inputs and responses of every route.

Authorization, the check of query parameters and the OpenAPI document all use this table, so they
cannot disagree. A route missing from it requires the scope ``admin``, and a test reports it.
"""

from __future__ import annotations

from dataclasses import replace

from api.http.operations import BINARY, TEXT, Operation, Reply, json
from api.openapi import bodies
from api.openapi.headers import IDEMPOTENCY_KEY, IF_NONE_MATCH, PREFER, RANGE
from api.schemas.body import ItemsQuery, ReplayQuery, ThumbnailQuery, UploadQuery
from api.schemas.connection import Connection
from api.schemas.dead_letter import DeadLetters
from api.schemas.embedding import Embeddings
from api.schemas.health import Health, Readiness, ReadinessQuery
from api.schemas.image import Checked, Image, Images
from api.schemas.job import Items, Job, JobEvent, Jobs
from api.schemas.model import DropQuery, Models, Reindex
from api.schemas.pagination import DeadLettersQuery, ImagesQuery, JobsQuery
from api.schemas.search import ContactSheetQuery, Search
from api.schemas.tag import TagCounts, TagsQuery
from api.schemas.webhook import Deliveries, DeliveriesQuery, Delivery, Secret
from common.images.formats import MEDIA_TYPES

_DELETED = Reply("Deleted.")
_UNCHANGED = Reply("Not modified.", headers=("ETag",))
_ACCEPTED = json(
    "The job that was created.", Job, "Location", "Retry-After", "Idempotency-Replayed"
)
# Headers of cacheable responses.
_CACHEABLE = ("ETag", "Cache-Control")
# The bytes of a picture, in any supported format.
_PICTURE = dict.fromkeys(sorted(MEDIA_TYPES.values()), BINARY)

# Begins a job that changes indexed images.
_EDIT = Operation(
    "Images",
    "write",
    {202: _ACCEPTED},
    errors=(409, 413, 415, 422),
    headers=IDEMPOTENCY_KEY,
    body=bodies.EDIT,
)

_IMAGES = {
    "images.upload": Operation(
        "Images",
        "write",
        {202: _ACCEPTED},
        errors=(404, 409, 413, 415, 422, 507),
        query=UploadQuery,
        headers=IDEMPOTENCY_KEY,
        body=bodies.UPLOAD,
    ),
    "images.index": Operation(
        "Images",
        "read",
        {200: json("A page of images.", Images)},
        # A filter in the query may be longer than a request line.
        errors=(414, 502),
        query=ImagesQuery,
    ),
    "images.check": Operation(
        "Images",
        "read",
        {200: json("The known and the missing ids.", Checked)},
        errors=(413, 415, 502),
        body=bodies.CHECK,
    ),
    "images.refresh": replace(_EDIT, body=bodies.REFRESH),
    "images.edit": _EDIT,
    "images.change": Operation(
        "Images",
        "write",
        {200: json("The changed image.", Image)},
        errors=(404, 413, 415, 422, 502),
        body=bodies.CHANGE,
    ),
    "images.show": Operation("Images", "read", {200: json("The image.", Image)}, errors=(404, 502)),
    "images.delete": Operation("Images", "write", {204: _DELETED}, errors=(404, 502)),
    "images.content": Operation(
        "Images",
        "read",
        {
            200: Reply("The original bytes.", _PICTURE, (*_CACHEABLE, "Accept-Ranges")),
            206: Reply(
                "The requested bytes.", _PICTURE, (*_CACHEABLE, "Accept-Ranges", "Content-Range")
            ),
            302: Reply("The address of the bytes in the object store.", headers=("Location",)),
            304: _UNCHANGED,
        },
        errors=(404, 412, 416),
        headers=IF_NONE_MATCH | RANGE,
    ),
    "images.thumbnail": Operation(
        "Images",
        "read",
        {
            200: Reply("A JPEG that fits in the square.", {"image/jpeg": BINARY}, _CACHEABLE),
            304: _UNCHANGED,
        },
        errors=(404, 412),
        query=ThumbnailQuery,
        headers=IF_NONE_MATCH,
    ),
}

_TAGS = {
    "tags.index": Operation(
        "Images", "read", {200: json("The tags.", TagCounts)}, errors=(502,), query=TagsQuery
    ),
}

_JOBS = {
    "jobs.create": Operation(
        "Jobs",
        "write",
        {202: _ACCEPTED},
        errors=(409, 413, 415, 422),
        headers=IDEMPOTENCY_KEY,
        body=bodies.OPEN_JOB,
    ),
    "jobs.complete": Operation(
        "Jobs", "write", {200: json("The updated job.", Job)}, errors=(404, 409)
    ),
    "jobs.index": Operation("Jobs", "read", {200: json("A page of jobs.", Jobs)}, query=JobsQuery),
    "jobs.show": Operation(
        "Jobs",
        "read",
        {200: json("The job.", Job, "ETag", "Retry-After"), 304: _UNCHANGED},
        errors=(404, 412),
        headers=IF_NONE_MATCH,
    ),
    "jobs.cancel": Operation("Jobs", "write", {202: json("The updated job.", Job)}, errors=(404,)),
    "jobs.events": Operation(
        "Jobs",
        "read",
        {200: Reply("Events with the job's progress.", {"text/event-stream": JobEvent})},
        errors=(404,),
    ),
    "jobs.items": Operation(
        "Jobs",
        "read",
        {200: json("A page of the job's images.", Items)},
        errors=(404,),
        query=ItemsQuery,
    ),
}

_SEARCHES = {
    "searches.create": Operation(
        "Searches",
        "read",
        {
            200: json("The search with its hits.", Search, "Location", "Preference-Applied"),
            202: json("The search, not finished yet.", Search, "Location", "Retry-After"),
        },
        errors=(413, 415, 507),
        headers=PREFER,
        body=bodies.SEARCH,
    ),
    "searches.show": Operation(
        "Searches",
        "read",
        {200: json("The search.", Search, "Retry-After")},
        errors=(404,),
    ),
    "searches.contact_sheet": Operation(
        "Searches",
        "read",
        {200: Reply("The hits as one picture.", {"image/png": BINARY})},
        errors=(404,),
        query=ContactSheetQuery,
    ),
}

_EMBEDDINGS = {
    "embeddings.create": Operation(
        "Embeddings",
        "read",
        {200: json("The embeddings.", Embeddings)},
        errors=(413, 415, 502, 507),
        body=bodies.EMBEDDINGS,
    ),
}

_DEAD_LETTERS = {
    "dead_letters.index": Operation(
        "Dead letters",
        "read",
        {200: json("A page of dead letters.", DeadLetters)},
        query=DeadLettersQuery,
    ),
    "dead_letters.replay": Operation(
        "Dead letters",
        "write",
        {202: _ACCEPTED},
        errors=(404, 409, 422),
        query=ReplayQuery,
        headers=IDEMPOTENCY_KEY,
    ),
    "dead_letters.remove": Operation("Dead letters", "write", {204: _DELETED}, errors=(404, 409)),
}

_WEBHOOKS = {
    "webhooks.index": Operation(
        "Webhooks",
        "read",
        {200: json("A page of deliveries.", Deliveries)},
        query=DeliveriesQuery,
    ),
    "webhooks.show": Operation(
        "Webhooks", "read", {200: json("The delivery.", Delivery)}, errors=(404,)
    ),
    "webhooks.replay": Operation(
        "Webhooks", "write", {202: json("The delivery.", Delivery)}, errors=(404,)
    ),
    "webhooks.rotate": Operation("Webhooks", "write", {201: json("The new secret.", Secret)}),
}

_MODELS = {
    "models.index": Operation("Models", "admin", {200: json("The models.", Models)}, errors=(502,)),
    "models.use": Operation(
        "Models",
        "admin",
        {202: json("The models; the switch is in progress.", Models, "Retry-After")},
        errors=(409, 413, 415, 502),
        body=bodies.USE,
    ),
    "models.drop": Operation(
        "Models", "admin", {204: _DELETED}, errors=(404, 409, 502), query=DropQuery
    ),
    "models.show_reindex": Operation(
        "Models",
        "admin",
        {200: json("The last reindex.", Reindex, "Retry-After")},
        errors=(404,),
    ),
    "models.start_reindex": Operation(
        "Models",
        "admin",
        {202: json("The reindex.", Reindex, "Retry-After")},
        errors=(409, 413, 415),
        body=bodies.REINDEX,
    ),
    "models.cancel_reindex": Operation(
        "Models", "admin", {200: json("The reindex.", Reindex)}, errors=(404,)
    ),
}

_SERVICE = {
    "service.healthz": Operation("Service", None, {200: json("The process is alive.", Health)}),
    "service.readyz": Operation(
        "Service",
        None,
        {200: json("Every component that the purpose needs is available.", Readiness)},
        errors=(422, 503),
        query=ReadinessQuery,
    ),
    "service.metrics": Operation(
        "Service",
        # The metrics cover all tenants.
        "admin",
        {
            200: Reply(
                "Metrics for Prometheus.",
                {"text/plain": TEXT, "application/openmetrics-text": TEXT},
            )
        },
        errors=(401, 403, 429, 503),
        # Lets a local Prometheus scrape without a key.
        is_open_here=True,
    ),
    "service.connection": Operation(
        "Service", "admin", {200: json("How the request reached the API.", Connection)}
    ),
    "documents.openapi": Operation(
        "Service",
        None,
        {
            200: Reply(
                "The OpenAPI 3.1 document.", {"application/json": {"type": "object"}}, _CACHEABLE
            ),
            304: _UNCHANGED,
        },
        errors=(412,),
        headers=IF_NONE_MATCH,
    ),
}

# Static files, the same for every visitor; the page itself asks for a key.
_PAGES = {
    "web.index": Operation(
        "Pages",
        None,
        {200: Reply("The page.", {"text/html": TEXT}, _CACHEABLE), 304: _UNCHANGED},
        errors=(412,),
        headers=IF_NONE_MATCH,
    ),
    "web.asset": Operation(
        "Pages",
        None,
        {
            200: Reply(
                "The file.",
                dict.fromkeys(("text/css", "text/javascript", "image/svg+xml"), TEXT),
                _CACHEABLE,
            ),
            304: _UNCHANGED,
        },
        errors=(404, 412),
        headers=IF_NONE_MATCH,
    ),
    "documents.docs": Operation(
        "Pages",
        None,
        {200: Reply("The page.", {"text/html": TEXT}, _CACHEABLE), 304: _UNCHANGED},
        errors=(412,),
        headers=IF_NONE_MATCH,
    ),
    "documents.asset": Operation(
        "Pages",
        None,
        {
            200: Reply("The file.", {"text/css": TEXT, "text/javascript": TEXT}, _CACHEABLE),
            304: _UNCHANGED,
        },
        errors=(404, 412),
        headers=IF_NONE_MATCH,
    ),
}

# Every operation of the service, by Flask endpoint.
OPERATIONS: dict[str, Operation] = {
    **_IMAGES,
    **_TAGS,
    **_JOBS,
    **_SEARCHES,
    **_EMBEDDINGS,
    **_DEAD_LETTERS,
    **_WEBHOOKS,
    **_MODELS,
    **_SERVICE,
    **_PAGES,
}
