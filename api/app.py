"""The Flask application."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import BaseConverter

from api.auth import authorization, rate_limit
from api.health import request_metrics
from api.http import (
    content_codings,
    cors,
    options,
    parameters,
    problems,
    proxies,
    request_ids,
    stream_slots,
    traces,
)
from api.openapi.headers import HEADERS
from api.openapi.routes import OPERATIONS
from api.routes import (
    dead_letters,
    documents,
    embeddings,
    images,
    jobs,
    models,
    searches,
    service,
    tags,
    web,
    webhooks,
)
from api.server import broken_body, content_length, lingering_close
from api.services import Services, connect_services
from common.ids import IMAGE_ID, RECORD_ID
from common.settings import Settings, load_settings

# Maximum bytes of a form's fields in memory; pictures are streamed to disk. The parser's buffer
# counts too, so this must be well above the 64 KiB that it reads at a time.
_FORM_FIELD_BYTES_MAX = 512 * 1024
# Maximum parts of a form that are not pictures.
_FIELDS_MAX = 8


class ImageIdConverter(BaseConverter):
    """Matches only well-formed image ids; other paths have no route and return 404."""

    regex = IMAGE_ID


class RecordIdConverter(BaseConverter):
    """Matches only well-formed job and search ids, which become part of Redis keys."""

    regex = RECORD_ID


def create_app(settings: Settings | None = None, services: Services | None = None) -> Flask:
    """Create the application.

    Args:
        settings: Overrides the settings from the environment.
        services: Replaces the services connected from the settings.
    """
    settings = settings or (services.settings if services else load_settings())
    app = Flask("glimpse", static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=settings.upload_bytes_max,
        MAX_FORM_MEMORY_SIZE=_FORM_FIELD_BYTES_MAX,
        MAX_FORM_PARTS=settings.upload_parts_max + _FIELDS_MAX,
    )
    app.url_map.converters["image_id"] = ImageIdConverter
    app.url_map.converters["record_id"] = RecordIdConverter
    # Merging slashes would answer with an HTML redirect; return a problem document instead.
    app.url_map.merge_slashes = False
    services = services or connect_services(settings)
    app.extensions["glimpse"] = services
    # First, so that it measures what the others do, and sees the final status.
    request_metrics.install(app, services.requests)
    request_ids.install(app)
    traces.install(app)
    problems.install(app)
    broken_body.install(app)
    options.install(app)
    lingering_close.install(app)
    stream_slots.install(app, settings)
    cors.install(app, settings.cors_origins, OPERATIONS, HEADERS)
    # Authorize first, so that unauthorized callers learn nothing about their request's validity.
    without_redis = {"service.metrics": service.metrics_without_redis}
    authorization.install(app, settings, OPERATIONS, services.keys, services.clock, without_redis)
    rate_limit.install(app, settings.rate_limit, services.counters)
    content_length.install(app)
    parameters.install(app, OPERATIONS)
    content_codings.install(app, OPERATIONS)
    for routes in (
        *(images, tags, jobs, searches, embeddings, dead_letters),
        *(webhooks, models, service, documents, web),
    ):
        app.register_blueprint(routes.blueprint)
    proxies.install(app, settings.proxy_hops, settings.path_prefix)
    return app
