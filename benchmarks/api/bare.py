"""A bare Flask application: the cost of the server and Flask without Glimpse."""

from __future__ import annotations

from flask import Flask, Response, request

from api.http import stream_slots
from common.settings import load_settings
from tests.support.services import Api

# Bytes read from the connection at a time, as in the API.
_READ_BYTES = 256 * 1024


def create_app(answer_bytes: int) -> Flask:
    """Create the application; it responds with ``answer_bytes`` bytes and stores nothing."""
    app = Flask("bare", static_folder=None)
    # Required by the gunicorn configuration that both applications run under.
    stream_slots.install(app, load_settings())
    text = b"x" * answer_bytes

    @app.get("/healthz")
    @app.get("/v1/jobs/<job_id>")
    def show(job_id: str = "") -> Response:
        del job_id
        return Response(text, mimetype="application/json")

    @app.post("/v1/images")
    def upload() -> Response:
        while request.stream.read(_READ_BYTES):
            pass
        return Response(text, 202, mimetype="application/json")

    return app


class BareApi(Api):
    """The bare application under the API's own gunicorn."""

    name = "bare"
    # Size of a job in the API's responses.
    answer_bytes = 400

    def command(self) -> list[str]:
        """Return the command line that runs it in the foreground."""
        factory = f"benchmarks.api.bare:create_app({self.answer_bytes})"
        return [*super().command()[:-1], factory]
