# A worker: the model, Milvus's client, and the tasks of one queue.
FROM python:3.12.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml constraints.txt ./
# What Glimpse needs changes less often than Glimpse, and torch is large: this layer is kept.
RUN pip install --no-cache-dir -c constraints.txt uv \
    && uv venv /opt/glimpse \
    && echo glimpse-client > own.txt \
    && uv pip install --no-cache --compile-bytecode --python /opt/glimpse/bin/python \
       -c constraints.txt --excludes own.txt -r pyproject.toml --extra worker --extra starter
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
    && install -d -o glimpse -g glimpse /data/blobs /data/models
COPY --from=build /opt/glimpse /opt/glimpse
ENV PATH=/opt/glimpse/bin:$PATH PYTHONUNBUFFERED=1
USER glimpse
WORKDIR /home/glimpse
# Which queue is consumed is for whoever starts it to say.
ENTRYPOINT ["python", "-m", "worker"]
CMD ["--help"]
