"""The client: one object for one server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Any, Literal, Self
from urllib.parse import quote

import httpx

from glimpse_client.address import address_of
from glimpse_client.answers import (
    DeadLetter,
    DeadLettersPage,
    DeliveriesPage,
    Delivery,
    Embeddings,
    Image,
    ImagesPage,
    Item,
    ItemsPage,
    Job,
    JobsPage,
    Known,
    Look,
    Models,
    Reindex,
    Search,
    SeenConnection,
    Tags,
    WebhookSecret,
)
from glimpse_client.begin import begin_job
from glimpse_client.connection import Connection, read, refusal
from glimpse_client.editing import edit_body, selected
from glimpse_client.embedding import embed
from glimpse_client.errors import InvalidId, JobUnfinished, NotThere
from glimpse_client.open_job import OpenJob
from glimpse_client.query import Term, search_body
from glimpse_client.retry import RetryPolicy, retry_after_s
from glimpse_client.searching import draw_sheet, run_search
from glimpse_client.sources import Source, archive_type, open_source, several

# What an upload does to images that are already indexed.
OnDuplicate = Literal["keep", "merge", "replace"]

# The order of a list of images; "-" sorts from the highest value down.
Sort = Literal[
    "-indexed_at",
    "indexed_at",
    "-taken_at",
    "taken_at",
    "filename",
    "-filename",
    "bytes",
    "-bytes",
]

_DELIVERIES = ("webhooks", "deliveries")


class Glimpse:
    """A client of one server; safe to share between threads, and a context manager.

    Every method raises ``ServerUnreachable`` if no server answers, and
    ``RequestRefused`` or a subclass if the server answers with an error. Before
    that, requests are retried as the retry policy allows: after ``Retry-After`` if
    the server is overloaded, with exponential backoff if a server that has answered
    before is unreachable. Idempotency keys ensure that a retried request creates one job.

    Example:
        >>> with Glimpse("http://127.0.0.1:8000", "KEY") as glimpse:
        ...     glimpse.wait(glimpse.upload("dog.jpg"))
        ...     glimpse.search("a white dog").hits[0].filename

    Args:
        url: Address of the server, without a path. Default: ``GLIMPSE_URL`` of the environment,
            or that of `glimpse up`.
        api_key: Sent as a bearer token, unless empty. Default: ``GLIMPSE_API_KEY``, unless ``url``
            is given, so that no other server receives the key.
        retry_policy: When to retry, and for how long: by default a minute and a half, with
            ``RetryPolicy(300)`` five minutes.
        transport: Sends the requests instead of the network.

    Raises:
        InvalidAddress: The address is not an HTTP URL.
        InvalidHeader: The key has characters that cannot be sent.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        retry_policy: RetryPolicy | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._retry_policy = retry_policy or RetryPolicy()
        if url is None and api_key is None:
            api_key = os.environ.get("GLIMPSE_API_KEY")
        address = address_of(url)
        self._connection = Connection(address, api_key or "", self._retry_policy, transport)

    @classmethod
    def from_environ(cls, retry_policy: RetryPolicy | None = None) -> Self:
        """Return a client of the server at ``GLIMPSE_URL``, with the key ``GLIMPSE_API_KEY``."""
        return cls(retry_policy=retry_policy)

    @property
    def url(self) -> str:
        """The address of the server, without a slash at the end."""
        return self._connection.url

    def upload(
        self,
        *pictures: Source,
        tags: str | Sequence[str] = (),
        metadata: Mapping[str, str | int | float | bool] | None = None,
        job: Job | str | None = None,
        idempotency_key: str | None = None,
        on_duplicate: OnDuplicate | None = None,
        callback_url: str | None = None,
    ) -> Job:
        """Upload pictures in one request, streaming files from disk; return the job.

        Args:
            pictures: Paths, or pairs of a filename and a path or bytes.
            tags: Tags for all of the pictures; a string is one tag.
            metadata: Metadata for all of the pictures.
            job: An open job to add to, or its id; what is stored with its pictures is its own.
            idempotency_key: A key of your own, so that another process can repeat the upload.
            on_duplicate: What to do with images that are already indexed: "merge", the default,
                adds what they lack of the tags, metadata and file name, "replace" replaces these,
                "keep" leaves them as they are.
            callback_url: Called when the job has ended; an open job has its own.

        Raises:
            FileUnreadable: A file cannot be read; the server accepts none of the pictures.
            ValueError: No picture is given.

        Example:
            >>> glimpse.upload("dog.jpg", ("pets/cat.png", data), tags=["pets"])
        """
        if not pictures:
            raise ValueError("no picture to upload")
        tags = [tags] if isinstance(tags, str) else list(tags)
        kept: dict[str, Any] = {**(metadata or {})} | ({"tags": tags} if tags else {})
        data = {"metadata": json.dumps(kept)} if kept else {}
        with ExitStack() as opened:
            named = [_open(opened, picture) for picture in pictures]
            parts = [("file", part) for part in named]
            bodies = [body for _, body in named]
            query = _given(
                on_duplicate=on_duplicate,
                callback_url=callback_url,
                job=None if job is None else _id(job),
            )
            return self._begin(idempotency_key, bodies, files=parts, data=data, params=query)

    def open_job(
        self,
        name: str | None = None,
        *,
        tags: str | Sequence[str] = (),
        metadata: Mapping[str, str | int | float | bool] | None = None,
        idempotency_key: str | None = None,
        on_duplicate: OnDuplicate | None = None,
        callback_url: str | None = None,
    ) -> OpenJob:
        """Open a job, to which any number of uploads add their pictures.

        Args:
            name: What you call the job; ``find_open_job`` finds it by it.
            tags: Tags for all of the pictures; a string is one tag.
            metadata: Metadata for all of the pictures.
            idempotency_key: A key of your own, so that another process can repeat the request.
            on_duplicate: As of ``upload``, for all of the pictures.
            callback_url: Called when the job has ended.

        Example:
            >>> with glimpse.open_job("Crete", tags="sea") as job:
            ...     for path in Path("crete").iterdir():
            ...         job.upload(path)
            >>> glimpse.wait(job.id).state
            'succeeded'
        """
        tags = [tags] if isinstance(tags, str) else list(tags)
        body = {"name": name, "tags": tags, "metadata": dict(metadata or {})}
        body |= _given(on_duplicate=on_duplicate, callback_url=callback_url)
        job = begin_job(self._connection, "/v1/jobs", idempotency_key, json=body)
        return OpenJob(self, job)

    def find_open_job(self, name: str) -> OpenJob | None:
        """Return the open job that was opened last under a name; None if there is none."""
        page = read(JobsPage, self._connection.send("GET", "/v1/jobs", params={"name": name}))
        return OpenJob(self, page.jobs[0]) if page.jobs else None

    def complete(self, job: Job | str) -> Job:
        """Complete an open job, so that it ends once all its pictures have an outcome."""
        return read(Job, self._connection.send("POST", _path("jobs", _id(job), "complete")))

    def upload_archive(
        self,
        archive: Source,
        idempotency_key: str | None = None,
        *,
        media_type: str | None = None,
        on_duplicate: OnDuplicate | None = None,
        callback_url: str | None = None,
    ) -> Job:
        """Upload an archive; return the job, which grows as it is unpacked.

        Args:
            archive: A zip, or a tar, also compressed with gzip, xz, bzip2 or zstd.
            idempotency_key: A key of your own, so that another process can repeat the upload.
            media_type: Its media type, if its name does not end in .zip, .tar, .tar.gz, .tgz, .txz
                or alike.
            on_duplicate: As of ``upload``; an archive has file names, but no tags and metadata.
            callback_url: Called when the job has ended.

        Raises:
            FileUnreadable: The archive cannot be read.
            ValueError: Its name has another suffix, and no media type is given.

        Example:
            >>> glimpse.wait(glimpse.upload_archive("holiday.zip")).total
        """
        with ExitStack() as opened:
            name, body = _open(opened, archive)
            kind = media_type or archive_type(name)
            if kind is None:
                raise ValueError(f"{name!r} does not end in .zip, .tar, .tar.gz, .tar.xz or alike")
            query = _given(filename=name, on_duplicate=on_duplicate, callback_url=callback_url)
            headers = {"Content-Type": kind}
            return self._begin(idempotency_key, [body], headers=headers, content=body, params=query)

    def job(self, job: Job | str) -> Job:
        """Return a job with its progress as it is now."""
        return self.look(job).job

    def look(self, job: Job | str) -> Look:
        """Return a job with its progress, and the seconds to wait before the next poll."""
        answer = self._connection.send("GET", _path("jobs", _id(job)))
        now, pause_s = read(Job, answer), retry_after_s(answer)
        return Look(now) if pause_s is None else Look(now, pause_s)

    def wait(self, job: Job | str, timeout_s: float | None = None) -> Job:
        """Wait until a job has finished, and return it.

        Args:
            job: The job, or its id.
            timeout_s: Maximum seconds to wait; no limit by default.

        Raises:
            JobUnfinished: The job did not finish before the timeout.

        Example:
            >>> glimpse.wait(glimpse.upload("dog.jpg")).state
            'succeeded'
        """
        job_id, clock = _id(job), self._retry_policy
        deadline = None if timeout_s is None else clock.now() + timeout_s
        while not (look := self.look(job_id)).job.ended:
            if deadline is not None and clock.now() + look.pause_s > deadline:
                raise JobUnfinished(f"Job {job_id} did not finish within {timeout_s:g} s.")
            clock.sleep(look.pause_s)
        return look.job

    def cancel(self, job: Job | str) -> Job:
        """Cancel a job's images that are not yet started; return the updated job."""
        return read(Job, self._connection.send("DELETE", _path("jobs", _id(job))))

    def jobs(self, state: str | None = None) -> Iterator[Job]:
        """Iterate over the jobs, or those in one state, newest first."""
        for page in self._connection.pages(JobsPage, "/v1/jobs", state=state):
            yield from page.jobs

    def items(self, job: Job | str, state: str | None = None) -> Iterator[Item]:
        """Iterate over a job's images, or those in one state.

        Example:
            >>> [item.filename for item in glimpse.items(job, state="failed")]
        """
        path = _path("jobs", _id(job), "items")
        for page in self._connection.pages(ItemsPage, path, state=state):
            yield from page.items

    def images(
        self,
        tag: str | None = None,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the API's word
        sort: Sort | None = None,
    ) -> Iterator[Image]:
        """Iterate over the indexed images, newest first unless ``sort`` is given.

        Args:
            tag: Only images with this tag.
            filter: Only images that meet these conditions, as for a search.
            sort: The order: "-taken_at" sorts by time, the latest first, "filename" by name.

        Example:
            >>> next(glimpse.images(filter={"not": {"tags": {"any": ["seen"]}}})).filename
            'dog.jpg'
        """
        wanted = None if filter is None else json.dumps(filter)
        query = {"tag": tag, "filter": wanted, "sort": sort}
        for page in self._connection.pages(ImagesPage, "/v1/images", **query):
            yield from page.images

    def count(
        self,
        tag: str | None = None,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the API's word
    ) -> int | None:
        """Return how many images ``images`` has; None if the server cannot count them fast."""
        given = {"tag": tag, "filter": None if filter is None else json.dumps(filter)}
        params = {name: value for name, value in given.items() if value is not None}
        params |= {"limit": "1", "count": "true"}
        return read(ImagesPage, self._connection.send("GET", "/v1/images", params=params)).count

    def tags(self, prefix: str = "", limit: int = 100) -> Tags:
        """Return tags that begin with a prefix, in any case, and how many images have each.

        Example:
            >>> [each.tag for each in glimpse.tags("hol").tags]
            ['holiday']
        """
        params = {"q": prefix, "limit": str(limit)}
        return read(Tags, self._connection.send("GET", "/v1/tags", params=params))

    def image(self, image_id: str) -> Image:
        """Return an indexed image; raises ``NotThere`` if it is not indexed."""
        return read(Image, self._connection.send("GET", _path("images", image_id)))

    def edit_image(
        self,
        image_id: str,
        *,
        add_tags: str | Sequence[str] = (),
        remove_tags: str | Sequence[str] = (),
        metadata: Mapping[str, str | int | float | bool | None] | None = None,
        filename: str | None = None,
    ) -> Image:
        """Change an indexed image, and return it; raises ``NotThere`` if it is not indexed.

        Args:
            image_id: The image.
            add_tags: Tags to add; a string is one tag.
            remove_tags: Tags to remove.
            metadata: New values by key; None removes a key. Other keys stay.
            filename: A new file name; the old one is kept as one of its ``earlier_filenames``.

        Example:
            >>> glimpse.edit_image(image_id, add_tags="dog", metadata={"draft": None}).tags
            ('dog',)
        """
        body = edit_body(add_tags, remove_tags, metadata, filename)
        answer = self._connection.send("PATCH", _path("images", image_id), json=body)
        return read(Image, answer)

    def edit(
        self,
        ids: Sequence[str] | None = None,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the API's word
        add_tags: str | Sequence[str] = (),
        remove_tags: str | Sequence[str] = (),
        metadata: Mapping[str, str | int | float | bool | None] | None = None,
        filename: str | None = None,
        idempotency_key: str | None = None,
        callback_url: str | None = None,
    ) -> Job:
        """Start to change indexed images; return the job.

        Args:
            ids: Up to 10,000 images.
            filter: Instead of ids: conditions as for a search; ``{}`` matches all images.
            add_tags: As of ``edit_image``.
            remove_tags: As of ``edit_image``.
            metadata: As of ``edit_image``.
            filename: As of ``edit_image``.
            idempotency_key: A key of your own, so that another process can repeat the request.
            callback_url: Called when the job has ended.

        Example:
            >>> glimpse.wait(glimpse.edit(filter={"tags": {"any": ["old"]}}, remove_tags="old"))
        """
        change = edit_body(add_tags, remove_tags, metadata, filename)
        body = selected(ids, filter) | change | _given(callback_url=callback_url)
        return begin_job(self._connection, "/v1/images/edits", idempotency_key, json=body)

    def refresh(
        self,
        ids: Sequence[str] | None = None,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the API's word
        idempotency_key: str | None = None,
        callback_url: str | None = None,
    ) -> Job:
        """Start to read the photo info of indexed images from their bytes again; return the job.

        Args:
            ids: Up to 10,000 images; by default those that match the filter.
            filter: Conditions as for a search; by default all images.
            idempotency_key: A key of your own, so that another process can repeat the request.
            callback_url: Called when the job has ended.

        Example:
            >>> glimpse.wait(glimpse.refresh()).modified
        """
        body = selected(ids, filter) | _given(callback_url=callback_url)
        path = "/v1/images/refreshes"
        return begin_job(self._connection, path, idempotency_key, json=body)

    def content(self, image_id: str) -> bytes:
        """Return an image's bytes as uploaded."""
        path = _path("images", image_id, "content")
        # It may redirect to the object store, to which httpx does not send the key.
        return self._connection.send("GET", path, follow_redirects=True).content

    def thumbnail(self, image_id: str, size: int = 150) -> bytes:
        """Return a JPEG of an image that fits into a square of ``size`` pixels."""
        path = _path("images", image_id, "thumbnail")
        return self._connection.send("GET", path, params={"size": str(size)}).content

    def delete(self, image_id: str) -> bool:
        """Delete an image; return whether it existed."""
        return self._remove(_path("images", image_id))

    def check(self, ids: str | Sequence[str], filenames: Sequence[str] | None = None) -> Known:
        """Return which of up to 10,000 image ids (SHA-256 of the bytes) are indexed.

        Args:
            ids: Image ids.
            filenames: A path for each id, to also find the images whose file has been renamed.
        """
        body: dict[str, Any] = {"ids": [ids] if isinstance(ids, str) else list(ids)}
        if filenames is not None:
            body["filenames"] = list(filenames)
        return read(Known, self._connection.send("POST", "/v1/images/check", json=body))

    def search(
        self,
        text: str = "",
        *,
        image_id: str | None = None,
        picture: Source | None = None,
        query: Term | Sequence[Term] = (),
        top_k: int = 10,
        offset: int | None = None,
        min_score: float | Literal["auto"] | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the API's word
        group_duplicates: float | Literal["auto"] | None = None,
    ) -> Search:
        """Search, wait for the hits, and return the search; all terms given are combined.

        Args:
            text: A description of the pictures to find.
            image_id: Id of an indexed image to find similar ones of.
            picture: A picture to find similar ones of; it need not be indexed.
            query: Weighted terms: ``{"text": "snow", "weight": -0.5}``, or with ``image_id``;
                a mapping is one term.
            top_k: Maximum number of hits.
            offset: Number of hits to skip.
            min_score: Minimum cosine similarity of a hit; "auto" leaves out what is noise.
            filter: Conditions that a hit must meet, as the HTTP API takes them.
            group_duplicates: "auto" groups near-duplicates into one hit; a number groups images
                with at least this cosine similarity.

        Raises:
            FileUnreadable: The picture cannot be read.
            SearchFailed: The server accepted the search, and it failed.
            TypeError: ``query`` is a string; a text is the first argument.

        Example:
            >>> glimpse.search("a dog", filter={"tags": {"any": ["holiday"]}}).hits
            >>> here = {"latitude": 48.14, "longitude": 11.58, "km": 5}
            >>> glimpse.search("a dog", filter={"near": here, "camera": "Canon EOS 5D"}).hits
        """
        options = {"top_k": top_k, "offset": offset, "min_score": min_score, "filter": filter}
        options["group_duplicates"] = group_duplicates
        terms = [query] if isinstance(query, Mapping) else query
        body = search_body(text, image_id, terms, options)
        return run_search(self._connection, body, picture)

    def embed(
        self,
        texts: str | Sequence[str] = (),
        *,
        image_ids: str | Sequence[str] = (),
        pictures: Source | Sequence[Source] = (),
    ) -> Embeddings:
        """Return the embeddings of texts, then of indexed images, then of pictures.

        Texts are embedded as those of searches, so the dot product of two embeddings is the score
        of a search.

        Args:
            texts: Texts; a string is one text. Up to 64 texts and image ids per call.
            image_ids: Ids of indexed images; a string is one id.
            pictures: Pictures, which need not be indexed, in a list, or one of them; up to 16 per
                call.

        Raises:
            FileUnreadable: A picture cannot be read.
            ValueError: Nothing is given.

        Example:
            >>> glimpse.embed(["a dog", "a cat"], pictures=["dog.jpg"]).embeddings
        """
        texts = [texts] if isinstance(texts, str) else texts
        image_ids = [image_ids] if isinstance(image_ids, str) else image_ids
        pictures = several(pictures)
        if not (texts or image_ids or pictures):
            raise ValueError("nothing to embed")
        return embed(self._connection, texts, image_ids, pictures)

    def contact_sheet(self, search: Search) -> bytes:
        """Return a PNG of a search's hits: five in a row, at least two rows."""
        return draw_sheet(self._connection, search)

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Iterate over the dead letters, newest first."""
        for page in self._connection.pages(DeadLettersPage, "/v1/dead-letters"):
            yield from page.dead_letters

    def replay(
        self,
        image_id: str,
        idempotency_key: str | None = None,
        *,
        callback_url: str | None = None,
    ) -> Job:
        """Replay a dead letter; return the new job, at whose end ``callback_url`` is called."""
        path, query = _path("dead-letters", image_id, "replay"), _given(callback_url=callback_url)
        return begin_job(self._connection, path, idempotency_key, params=query)

    def forget(self, image_id: str) -> bool:
        """Delete a dead letter; return whether it existed."""
        return self._remove(_path("dead-letters", image_id))

    def deliveries(self, state: str | None = None) -> Iterator[Delivery]:
        """Iterate over the deliveries of webhooks, or those in one state, newest first."""
        for page in self._connection.pages(DeliveriesPage, _path(*_DELIVERIES), state=state):
            yield from page.deliveries

    def delivery(self, job: Job | str) -> Delivery:
        """Return the delivery of a job's end; raises ``NotThere`` if there is none."""
        return read(Delivery, self._connection.send("GET", _path(*_DELIVERIES, _id(job))))

    def replay_delivery(self, job: Job | str) -> Delivery:
        """Send the message of a job's end again; return its delivery."""
        path = _path(*_DELIVERIES, _id(job), "replay")
        return read(Delivery, self._connection.send("POST", path))

    def rotate_webhook_secret(self) -> WebhookSecret:
        """Create the secret that signs webhooks; the one before it stays valid for a day."""
        return read(WebhookSecret, self._connection.send("POST", "/v1/webhooks/secret"))

    def models(self) -> Models:
        """Return the models that have a collection, and the last switch; needs scope `admin`."""
        return read(Models, self._connection.send("GET", "/v1/models"))

    def use_model(self, model: str, *, allow_missing: bool = False) -> Models:
        """Start to switch all uploads and searches to a model that has workers.

        Poll ``models()``: afterwards ``active`` is the model, or ``switch`` says why not.

        Args:
            model: Name of the model.
            allow_missing: Switch even if the model's collection lacks images.

        Example:
            >>> glimpse.use_model("ViT-L/14").switch.state
            'running'
        """
        body = {"model": model, "allow_missing": allow_missing}
        return read(Models, self._connection.send("PUT", "/v1/models/active", json=body))

    def drop_model(self, model: str) -> bool:
        """Drop a model's collection; return whether it existed."""
        return self._remove("/v1/models", params={"model": model})

    def start_reindex(self, model: str) -> Reindex:
        """Start to embed all images with another model, beside the active one.

        Example:
            >>> glimpse.start_reindex("ViT-L/14").state
            'running'
        """
        answer = self._connection.send("POST", "/v1/reindex", json={"model": model})
        return read(Reindex, answer)

    def reindex(self) -> Reindex:
        """Return the last reindex with its progress; raises ``NotThere`` if there was none."""
        return read(Reindex, self._connection.send("GET", "/v1/reindex"))

    def cancel_reindex(self) -> Reindex:
        """Cancel the reindex if it is running, and return it; raises ``NotThere`` without one."""
        return read(Reindex, self._connection.send("DELETE", "/v1/reindex"))

    def awaited(self) -> str:
        """Return which part of the server is missing, or an empty string if everything works."""
        answer = self._connection.request("GET", "/readyz", params={"for": "all"})
        return "" if answer.is_success else refusal(answer).detail

    def connection(self) -> SeenConnection:
        """Return how a request reaches the server; needs the scope ``admin``."""
        return read(SeenConnection, self._connection.send("GET", "/v1/connection"))

    def close(self) -> None:
        """Close the connections; requests in progress fail."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self, key: str | None, bodies: Sequence[IO[bytes]], **content: Any) -> Job:
        return begin_job(self._connection, "/v1/images", key, bodies, **content)

    def _remove(self, path: str, **content: Any) -> bool:
        try:
            self._connection.send("DELETE", path, **content)
        except NotThere as error:
            if error.code == "http_404":
                # Not Glimpse says so, but a server that does not know the path.
                raise
            return False
        return True


def _given(**parameters: str | None) -> dict[str, str]:
    """Return the parameters that are given; older servers refuse those that they do not know."""
    return {name: value for name, value in parameters.items() if value is not None}


def _id(job: Job | str) -> str:
    return job if isinstance(job, str) else job.id


def _path(*parts: str) -> str:
    """Return a path; an id is one part of it, even if a stranger chose it and it has slashes.

    Raises:
        InvalidId: A part is one that HTTP clients leave out of paths.
    """
    for part in parts:
        if part in ("", ".", ".."):
            raise InvalidId(f"{part!r} is no id.")
    return f"/v1/{'/'.join(quote(part, safe='') for part in parts)}"


def _open(opened: ExitStack, source: Source) -> tuple[str, IO[bytes]]:
    """Open a source; the exit stack closes it."""
    name, body = open_source(source)
    return name, opened.enter_context(body)
