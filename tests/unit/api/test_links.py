"""Links in answers: each leads to a route, even if the API is mounted under a path."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from api.schemas.links import Links
from tests.support.inline import Inline

ID, RECORD = "0" * 64, "1" * 32
ENDPOINTS = [
    (Links().of_image(ID), "self", "images.show"),
    (Links().of_image(ID), "content", "images.content"),
    (Links().of_image(ID), "thumbnail", "images.thumbnail"),
    (Links().of_job(RECORD), "self", "jobs.show"),
    (Links().of_job(RECORD), "items", "jobs.items"),
    (Links().of_job(RECORD), "events", "jobs.events"),
    (Links().of_search(RECORD), "self", "searches.show"),
    (Links().of_search(RECORD), "contact_sheet", "searches.contact_sheet"),
    (Links().of_dead_letter(ID, RECORD), "replay", "dead_letters.replay"),
    (Links().of_dead_letter(ID, RECORD), "content", "images.content"),
    (Links().of_dead_letter(ID, RECORD), "thumbnail", "images.thumbnail"),
    (Links().of_dead_letter(ID, RECORD), "job", "jobs.show"),
]


@pytest.mark.parametrize(("links", "name", "endpoint"), ENDPOINTS)
def test_a_link_leads_to_its_route(
    inline: Inline, links: dict[str, str], name: str, endpoint: str
) -> None:
    method = "POST" if name == "replay" else "GET"
    found, values = inline.app.url_map.bind("localhost").match(links[name], method)
    assert found == endpoint
    assert set(values.values()) in ({ID}, {RECORD})


def test_every_link_is_in_this_table() -> None:
    for links, _, _ in ENDPOINTS:
        assert set(links) == {name for others, name, _ in ENDPOINTS if others == links}


def test_links_begin_where_the_api_is_mounted(client: FlaskClient) -> None:
    mounted: dict[str, Any] = {"environ_overrides": {"SCRIPT_NAME": "/photos"}}
    response = client.post("/v1/searches", json={"text": "a dog"}, **mounted)
    assert response.headers["Location"].startswith("/photos/v1/searches/")
    assert response.get_json()["links"]["self"] == response.headers["Location"]
