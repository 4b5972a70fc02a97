"""The URL that a request wants called when its job has ended."""

from __future__ import annotations

from api.services import Services
from common.errors import NoWebhookSecret, Unprocessable
from common.webhooks.networks import is_allowed, read_address
from common.webhooks.url import Endpoint


def check_callback(services: Services, tenant: str, url: str | None) -> None:
    """Return if a URL can be called, as far as that is known before its name is resolved.

    Args:
        services: The services of the app.
        tenant: The owner of the job.
        url: A well-formed URL; None if the request has none.

    Raises:
        Unprocessable: It names a private address.
        NoWebhookSecret: Messages to the tenant's receivers could not be signed.
    """
    if url is None:
        return
    address = read_address(Endpoint.of(url).host)
    if address is not None and not is_allowed(address, services.settings.webhooks_allow):
        raise Unprocessable(
            "callback_url: give a public address; the service's operator can allow others.",
            field="callback_url",
        )
    if not services.webhooks.secrets(tenant, services.clock.now()):
        raise NoWebhookSecret(
            "There is no secret to sign webhooks with; create one with POST /v1/webhooks/secret."
        )
