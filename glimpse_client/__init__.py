"""The Python client of Glimpse: upload pictures and find them by what they show.

    from glimpse_client import Glimpse

    with Glimpse("http://127.0.0.1:8000") as glimpse:
        job = glimpse.wait(glimpse.upload("dog.jpg", "cat.jpg", tags=["pets"]))
        for hit in glimpse.search("a white dog").hits:
            print(hit.score, hit.filename)

It waits where the service is busy or away for a while, and everything it sends
may be sent again: no picture is indexed twice by it.
"""

from glimpse_client.answers import (
    DeadLetter,
    Duplicate,
    Hit,
    Image,
    Item,
    Job,
    Known,
    Look,
    Search,
)
from glimpse_client.errors import (
    ClientError,
    FileUnreadable,
    JobUnfinished,
    NotAllowed,
    NotThere,
    RequestRefused,
    SearchFailed,
    ServerUnreachable,
    Unavailable,
)
from glimpse_client.glimpse import Glimpse
from glimpse_client.retry import Patience
from glimpse_client.sources import Source

__all__ = [
    "ClientError",
    "DeadLetter",
    "Duplicate",
    "FileUnreadable",
    "Glimpse",
    "Hit",
    "Image",
    "Item",
    "Job",
    "JobUnfinished",
    "Known",
    "Look",
    "NotAllowed",
    "NotThere",
    "Patience",
    "RequestRefused",
    "Search",
    "SearchFailed",
    "ServerUnreachable",
    "Source",
    "Unavailable",
]
