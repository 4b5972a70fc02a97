"""Entry point for WSGI servers: ``gunicorn -c python:api.server.config api.wsgi:app``."""

from api.app import create_app

app = create_app()
