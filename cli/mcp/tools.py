"""The tools that an MCP client can call; their docstrings are read by models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver import Image as ImageContent
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

import glimpse_client
from cli.mcp.answers import Found, Listed, ListedImage, Tagged
from cli.mcp.arguments import (
    Filter,
    HitsMax,
    ImageId,
    ImagesMax,
    LikeImages,
    MinScore,
    Picture,
    PictureFile,
    Pixels,
    TaggedImages,
    Tags,
    TagsMax,
    Words,
    decoded,
)
from glimpse_client import Glimpse, Source
from glimpse_client.glimpse import Sort

Call = Context[Any, Any]
# Returns the client for a call: it has the caller's key.
ClientOf = Callable[[Call], Glimpse]

# Seconds to wait until tags are changed.
_CHANGE_S = 45.0


class Tools:
    """The tools of a server.

    Args:
        client_of: Returns the client for a call.
    """

    def __init__(self, client_of: ClientOf) -> None:
        self._client_of = client_of

    def search(
        self,
        call: Call,
        text: Words = "",
        image_ids: LikeImages = (),
        picture: Picture = None,
        filter: Filter = None,  # noqa: A002 - the API's word
        limit: HitsMax = 10,
        min_score: MinScore = None,
    ) -> Found:
        """Find images by what they show: by words, by pictures, or by both together.

        Give at least one of text, image_ids and picture; all that are given count equally. Hits
        come best first. A search always has hits, also if nothing matches: judge them by score.
        Scores compare hits of one search only; those of text are lower than those of pictures, and
        a good hit of a text may have 0.3. Hits below noise_threshold have little to do with the
        query. To list images by their properties alone, use list_images.
        """
        source = None if picture is None else ("picture", decoded(picture))
        options = {"filter": filter, "min_score": min_score, "top_k": limit}
        return self._search(call, text, image_ids, source, options)

    def search_with_file(
        self,
        call: Call,
        text: Words = "",
        image_ids: LikeImages = (),
        picture: Picture = None,
        picture_file: PictureFile = None,
        filter: Filter = None,  # noqa: A002 - the API's word
        limit: HitsMax = 10,
        min_score: MinScore = None,
    ) -> Found:
        """Search as ``search`` does, also by a file of the user."""
        if picture_file is None:
            return self.search(call, text, image_ids, picture, filter, limit, min_score)
        if picture is not None:
            raise ToolError("Give either picture or picture_file.")
        options = {"filter": filter, "min_score": min_score, "top_k": limit}
        # No shell has read the path, and people say where their pictures are as they would to one.
        at_home = picture_file.startswith("~/")
        path = Path(picture_file).expanduser() if at_home else Path(picture_file)
        return self._search(call, text, image_ids, path, options)

    def view_image(self, call: Call, id: ImageId, size: Pixels = 300) -> ImageContent:  # noqa: A002
        """Look at an image: returns a JPEG thumbnail of it."""
        with self._client(call) as client:
            return ImageContent(data=client.thumbnail(id, size), format="jpeg")

    def get_image(self, call: Call, id: ImageId) -> glimpse_client.Image:  # noqa: A002
        """Return all that is known of an image.

        That is its file name, size, tags and metadata, and in photo what the picture's file says
        of itself: when, where and with which camera it was taken.
        """
        with self._client(call) as client:
            return client.image(id)

    def list_images(
        self,
        call: Call,
        filter: Filter = None,  # noqa: A002 - the API's word
        sort: Annotated[Sort, Field(description="The order; - in front: highest first.")] = (
            "-indexed_at"
        ),
        limit: ImagesMax = 20,
    ) -> Listed:
        """List and count images by their properties, newest first, without a search.

        For more than limit allows, narrow the filter, for example by taken_at or indexed_at.
        """
        with self._client(call) as client:
            found = islice(client.images(filter=filter, sort=sort), limit)
            images = [ListedImage.of(image) for image in found]
            return Listed(images=images, count=client.count(filter=filter))

    def list_tags(
        self,
        call: Call,
        prefix: Annotated[str, Field(description="Only tags that begin so, in any case.")] = "",
        limit: TagsMax = 100,
    ) -> glimpse_client.Tags:
        """List tags with the number of images that have each, the most frequent first.

        If more_than is true, only the newest images were counted.
        """
        with self._client(call) as client:
            return client.tags(prefix, limit)

    def tag_images(
        self,
        call: Call,
        ids: TaggedImages,
        add: Tags = (),
        remove: Tags = (),
    ) -> Tagged:
        """Add tags to images, and remove tags from them. Other tags stay.

        Names the images that could not be changed; the others are.
        """
        if not (add or remove):
            raise ToolError("Give at least one tag to add or to remove.")
        with self._client(call) as client:
            job = client.wait(client.edit(ids, add_tags=add, remove_tags=remove), _CHANGE_S)
            failures = list(client.items(job, state="failed")) if job.failed else []
            return Tagged.of(job, failures)

    def _search(
        self,
        call: Call,
        text: str,
        image_ids: Sequence[str],
        picture: Source | None,
        options: Mapping[str, Any],
    ) -> Found:
        terms = [{"image_id": image_id} for image_id in image_ids]
        if not (text or terms or picture):
            raise ToolError("Give something to search for: text, image_ids or a picture.")
        with self._client(call) as client:
            return Found.of(client.search(text, query=terms, picture=picture, **options))

    @contextmanager
    def _client(self, call: Call) -> Iterator[Glimpse]:
        """Provide the client for a call; its errors become answers of the tool."""
        try:
            yield self._client_of(call)
        except glimpse_client.GlimpseError as error:
            raise ToolError(str(error)) from error
