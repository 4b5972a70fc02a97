"""The number of the API's processes: read from a variable, and refused if it is none."""

from __future__ import annotations

import pytest

from common.api_processes import api_processes
from common.errors import InvalidSettings


@pytest.mark.parametrize(("given", "count"), [({}, 2), ({"WEB_CONCURRENCY": "16"}, 16)])
def test_a_number_is_read(given: dict[str, str], count: int) -> None:
    assert api_processes(given) == count


@pytest.mark.parametrize("value", ["", "abc", "0", "-1", "1.5", "257", "1000", "9" * 5000])
def test_any_other_value_is_refused(value: str) -> None:
    with pytest.raises(InvalidSettings, match="WEB_CONCURRENCY: give a whole number from 1 to 256"):
        api_processes({"WEB_CONCURRENCY": value})
