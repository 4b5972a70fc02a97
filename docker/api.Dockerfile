# The API: Flask under gunicorn. The base install, without torch or any model.
FROM python:3.12.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml constraints.txt ./
# What Glimpse needs changes less often than Glimpse: this layer is kept.
RUN pip install --no-cache-dir -c constraints.txt uv \
    && uv venv /opt/glimpse \
    && echo glimpse-client > own.txt \
    && uv pip install --no-cache --compile-bytecode --python /opt/glimpse/bin/python \
       -c constraints.txt --excludes own.txt -r pyproject.toml
COPY README.md LICENSE ./
COPY common/ common/
COPY api/ api/
COPY cli/ cli/
COPY glimpse_client/ glimpse_client/
COPY worker/ worker/
RUN uv pip install --no-cache --compile-bytecode --python /opt/glimpse/bin/python --no-deps \
       . ./glimpse_client

FROM python:3.12.11-slim-bookworm
# The same number in both images: they share the volume of the originals.
RUN useradd --uid 10001 --create-home glimpse \
    && install -d -o glimpse -g glimpse /data/blobs
COPY --from=build /opt/glimpse /opt/glimpse
ENV PATH=/opt/glimpse/bin:$PATH PYTHONUNBUFFERED=1
USER glimpse
WORKDIR /home/glimpse
EXPOSE 8000
CMD ["gunicorn", "-c", "python:api.server.config", "--bind", "0.0.0.0:8000", "api.wsgi:app"]
