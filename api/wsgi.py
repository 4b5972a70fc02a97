"""Entry point for WSGI servers: ``gunicorn -c python:api.gunicorn_config api.wsgi:app``."""

from api.app import create_app

app = create_app()
