"""The Python client of Glimpse: upload pictures and find them by what they show.

    from glimpse_client import Glimpse

    with Glimpse("http://127.0.0.1:8000") as glimpse:
        job = glimpse.wait(glimpse.upload("dog.jpg", "cat.jpg", tags=["pets"]))
        for hit in glimpse.search("a white dog").hits:
            print(hit.score, hit.filename)

Requests are retried while the server is overloaded or unavailable. Retries are
idempotent: a retried upload creates one job, and no picture is indexed twice.
"""

from glimpse_client.answers import (
    DeadLetter,
    Duplicate,
    Embeddings,
    Hit,
    Image,
    Item,
    Job,
    Known,
    Location,
    Look,
    Model,
    Models,
    ModelWorkers,
    Photo,
    Reindex,
    Search,
    Switch,
    TagCount,
    Tags,
)
from glimpse_client.async_glimpse import AsyncGlimpse, AsyncOpenJob
from glimpse_client.errors import (
    ClientError,
    FileUnreadable,
    GlimpseError,
    InvalidAddress,
    InvalidHeader,
    InvalidId,
    JobUnfinished,
    NotAllowed,
    NotThere,
    RequestRefused,
    SearchFailed,
    ServerUnreachable,
    Unavailable,
)
from glimpse_client.glimpse import Glimpse
from glimpse_client.open_job import OpenJob
from glimpse_client.retry import RetryPolicy
from glimpse_client.sources import Source

__all__ = [
    "AsyncGlimpse",
    "AsyncOpenJob",
    "ClientError",
    "DeadLetter",
    "Duplicate",
    "Embeddings",
    "FileUnreadable",
    "Glimpse",
    "GlimpseError",
    "Hit",
    "Image",
    "InvalidAddress",
    "InvalidHeader",
    "InvalidId",
    "Item",
    "Job",
    "JobUnfinished",
    "Known",
    "Location",
    "Look",
    "Model",
    "ModelWorkers",
    "Models",
    "NotAllowed",
    "NotThere",
    "OpenJob",
    "Photo",
    "Reindex",
    "RequestRefused",
    "RetryPolicy",
    "Search",
    "SearchFailed",
    "ServerUnreachable",
    "Source",
    "Switch",
    "TagCount",
    "Tags",
    "Unavailable",
]
