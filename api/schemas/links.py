"""Links: the paths of resources, used in responses and by the routes."""

from __future__ import annotations

from dataclasses import dataclass

IMAGES = "/v1/images"
JOBS = "/v1/jobs"
SEARCHES = "/v1/searches"
EMBEDDINGS = "/v1/embeddings"
DEAD_LETTERS = "/v1/dead-letters"
MODELS = "/v1/models"
REINDEX = "/v1/reindex"
WEBHOOKS = "/v1/webhooks"


@dataclass(slots=True)
class Links:
    """Builds links; Flask's ``url_for`` would slow a poll by several percent per link.

    Args:
        root: The path at which the API is mounted, WSGI's ``SCRIPT_NAME``; usually empty.
    """

    root: str = ""

    def of_image(self, image_id: str) -> dict[str, str]:
        """Return the links of an image."""
        image = f"{self.root}{IMAGES}/{image_id}"
        return {"self": image, "content": f"{image}/content", "thumbnail": f"{image}/thumbnail"}

    def of_job(self, job_id: str) -> dict[str, str]:
        """Return the links of a job."""
        job = f"{self.root}{JOBS}/{job_id}"
        return {"self": job, "items": f"{job}/items", "events": f"{job}/events"}

    def of_search(self, search_id: str) -> dict[str, str]:
        """Return the links of a search."""
        search = f"{self.root}{SEARCHES}/{search_id}"
        return {"self": search, "contact_sheet": f"{search}/contact-sheet.png"}

    def of_delivery(self, job_id: str) -> dict[str, str]:
        """Return the links of the delivery of a job's end."""
        delivery = f"{self.root}{WEBHOOKS}/deliveries/{job_id}"
        job = f"{self.root}{JOBS}/{job_id}"
        return {"self": delivery, "replay": f"{delivery}/replay", "job": job}

    def of_dead_letter(self, image_id: str, job_id: str) -> dict[str, str]:
        """Return the links of a dead letter."""
        image = self.of_image(image_id)
        return {
            "replay": f"{self.root}{DEAD_LETTERS}/{image_id}/replay",
            "content": image["content"],
            "thumbnail": image["thumbnail"],
            "job": f"{self.root}{JOBS}/{job_id}",
        }
