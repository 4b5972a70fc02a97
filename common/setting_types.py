"""Types of settings: how a variable's text is read, and what it may be, in words."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from common.listen_address import ListenAddress
from common.vector_index import read_parameters


def _or_say(sentence: str) -> WrapValidator:
    """Say in words what is allowed, instead of a pattern or each of several types."""

    def validate(value: object, handler: ValidatorFunctionWrapHandler) -> object:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(sentence) from None

    return WrapValidator(validate)


def _read_list(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part for each in value.split(",") if (part := each.strip()))


def _read_parameters(value: object) -> object:
    return read_parameters(value) if isinstance(value, str) else value


def _read_address(value: object) -> object:
    if not isinstance(value, str):
        return value
    return ListenAddress.parse(value) if value else None


def _one_placeholder(template: str) -> str:
    if template and (template.count("{}") != 1 or template.count("{") + template.count("}") > 2):
        raise ValueError(
            "must contain exactly one {}, which stands for the text, and no other braces"
        )
    return template


_HttpUrl = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^\s/]+"),
    _or_say("give an address such as http://HOST:PORT/PATH"),
]

_Origin = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[a-z0-9.\-\[\]:]+$"),
    _or_say(
        "give origins in lower case, without a path and a slash at the end, separated by commas,"
        " such as https://photos.example,http://localhost:3000"
    ),
]

_Network = Annotated[
    IPvAnyNetwork,
    _or_say("give networks separated by commas, such as 10.1.0.0/16,127.0.0.1/32"),
]

# An address for HTTP requests; empty is None.
OptionalHttpUrl = Annotated[_HttpUrl | None, BeforeValidator(lambda url: url or None)]

# An address to listen on; empty is None.
OptionalListenAddress = Annotated[ListenAddress | None, BeforeValidator(_read_address)]

# Origins as browsers send them, separated by commas.
Origins = Annotated[tuple[_Origin, ...], BeforeValidator(_read_list)]

# Networks, separated by commas.
Networks = Annotated[tuple[_Network, ...], BeforeValidator(_read_list)]

# Parameters of an index, such as "M=16 ef=128".
IndexParameters = Annotated[dict[str, int], BeforeValidator(_read_parameters)]

# Pictures of a batch, or "auto".
BatchMax = Annotated[
    Annotated[int, Field(ge=1, le=4096)] | Literal["auto"],
    _or_say("give auto or a whole number from 1 to 4096, such as 64"),
]

# Requests in a time, such as "600/minute"; empty means no limit.
RateLimit = Annotated[
    str,
    StringConstraints(pattern=r"^([1-9][0-9]{0,8}/(second|minute|hour|day))?$"),
    _or_say("give a number of requests per second, minute, hour or day, such as 600/minute"),
]

# The beginning of a URL's path, such as "/photos", or empty.
PathPrefix = Annotated[
    str,
    StringConstraints(pattern=r"^((/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+)?$"),
    _or_say(
        "give a path that begins with a slash and does not end with one, of letters, digits and"
        " . _ ~ -, such as /photos"
    ),
]

# A sentence with one {}, or empty.
PromptTemplate = Annotated[str, AfterValidator(_one_placeholder)]

# A cosine similarity.
Score = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
