"""The recipe's `data.augment` section: what is invented, by which model, at what cost."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from talkwright.config.section import Section

StepKind = Literal["paraphrase", "back_translate", "instruct", "evolve", "style"]

_SECRET_HEADERS = re.compile(r"auth|key|token|cookie|secret|password", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")


class EndpointSection(Section):
    """An OpenAI-compatible endpoint that writes new rows. Rows of the training split are sent to it."""

    url: str | None = None
    """Address up to and with the version, such as `https://host/v1`; requests go to
    `URL/chat/completions`."""

    model: str | None = None
    """Model to ask, as the endpoint calls it."""

    key_env: str | None = None
    """Name of the environment variable that holds the key, never the key itself. Left out: no key."""

    key_header: str = "Authorization"
    """Header that carries the key: as `Bearer KEY` in `Authorization`, by itself in any other."""

    headers: dict[str, str] = {}
    """Further headers of every request. They are stored with the run, so nothing secret."""

    max_concurrent: int = Field(4, ge=1, le=256)
    """Requests under way at a time."""

    timeout: float = Field(120.0, gt=0)
    """Seconds until one attempt, the whole reply included, is given up."""

    retries: int = Field(4, ge=0, le=20)
    """Further attempts after a failed one (too many requests, server errors, broken replies)."""

    price_in: float | None = Field(None, ge=0)
    """Price of a million tokens sent, in whatever currency. Left out: no cost is computed."""

    price_out: float | None = Field(None, ge=0)
    """Price of a million tokens received."""

    @model_validator(mode="after")
    def _is_safe(self) -> EndpointSection:
        # A model's validator, not a field's: its message does not repeat the value, which may be a key.
        if self.key_env is not None and not re.fullmatch(r"[A-Z_][A-Z0-9_]{0,63}", self.key_env):
            raise ValueError(
                "key_env is the name of an environment variable, in capitals (`key_env: MY_API_KEY`), "
                "not the key itself; recipes are stored with every run"
            )
        if not _HEADER_NAME.fullmatch(self.key_header):
            raise ValueError("key_header is the name of a header, such as `Authorization` or `api-key`")
        for name, value in self.headers.items():
            if not _HEADER_NAME.fullmatch(name) or not re.fullmatch(r"[\x20-\x7e]*", value):
                raise ValueError(f"headers: '{name[:64]}' is not a header that can be sent")
            if _SECRET_HEADERS.search(name):
                raise ValueError(
                    f"headers: '{name}' looks like a secret, and recipes are stored with every run; "
                    "name an environment variable in key_env, and this header in key_header"
                )
        if self.url is not None:
            _check_url(self.url, with_key=self.key_env is not None)
        if (self.price_in is None) != (self.price_out is None):
            raise ValueError("price_in and price_out are given together or not at all")
        return self


def _check_url(url: str, *, with_key: bool) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("url is not an address; write it as `https://host/v1`") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("url is not an address; write it as `https://host/v1`")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            "url holds a login, a `?` or a `#`; give the key by key_env, and the bare address"
        )
    if parts.scheme == "http" and with_key and not is_near(host):
        raise ValueError(
            f"url: the key would go to {host} unencrypted; write https, or leave key_env out"
        )


def is_near(host: str) -> bool:
    """Say whether a host is this machine or an address of a private network."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


class AugmentStep(Section):
    """One way of making new rows."""

    kind: StepKind
    """`paraphrase`: users' messages in other words. `back_translate`: the same by way of another
    language. `style`: answers in another style. `evolve`: a harder question, and its answer. `instruct`:
    new questions and answers after the pattern of some rows."""

    per_row: int | None = Field(None, ge=1, le=20)
    """New rows wanted of each training row. Left out: 1. Not for `instruct`."""

    count: int | None = Field(None, ge=1)
    """New rows wanted in all. For `instruct` only."""

    max_rows: int | None = Field(None, ge=1)
    """Start from at most so many training rows, drawn by the recipe's seed."""

    language: str | None = Field(None, pattern=r"^[\w ()-]{2,40}$")
    """Language to go through, by its English name. For `back_translate` only."""

    style: str | None = Field(None, min_length=2, max_length=500)
    """The style that answers are to have, such as `warm and brief, in the first person plural`. For
    `style` only."""

    temperature: float = Field(0.8, ge=0, le=2)
    """Temperature of the requests."""

    max_tokens: int = Field(1024, ge=16)
    """Longest reply in tokens; a reply that reaches it is dropped."""

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> AugmentStep:
        needs = {"instruct": "count", "back_translate": "language", "style": "style"}
        for kind, name in needs.items():
            value = getattr(self, name)
            if self.kind == kind and value is None:
                raise ValueError(f"a step of kind {kind} needs `{name}`")
            if self.kind != kind and value is not None:
                raise ValueError(f"`{name}` has no effect on a step of kind {self.kind}; remove it")
        if self.kind == "instruct" and self.per_row is not None:
            raise ValueError("`per_row` has no effect on a step of kind instruct; it takes `count`")
        return self

    @model_validator(mode="before")
    @classmethod
    def _fill_in_per_row(cls, values: Any) -> Any:
        # In the saved recipe stands the number that counts.
        per_row = isinstance(values, dict) and values.get("kind") != "instruct"
        if per_row and values.get("per_row") is None:
            values = {**values, "per_row": 1}
        return values


class AugmentSection(Section):
    """New training rows, made from the training split alone, after the split."""

    engine: Literal["endpoint", "local"] = "endpoint"
    """Who writes: the endpoint below, or the recipe's own base model on this machine."""

    endpoint: EndpointSection = EndpointSection()
    """The endpoint that is asked."""

    steps: list[AugmentStep] = []
    """What to make. Empty: nothing is made, and nothing is sent anywhere."""

    new_facts: Literal["drop", "keep"] = "drop"
    """Answers of `instruct` and `evolve` with numbers, links or codes that the rows they were made from
    do not have: such facts are invented, and by default the rows dropped."""

    max_cost: float | None = Field(None, gt=0)
    """Stop asking before the new rows would cost more than this, in the currency of the prices."""

    deadline: float | None = Field(None, gt=0)
    """Seconds after which asking stops with an error; what was answered is kept for the next time."""

    @model_validator(mode="after")
    def _settings_that_go_together(self) -> AugmentSection:
        endpoint = self.endpoint
        if not self.steps:
            if any(
                getattr(self, name) != field.default for name, field in type(self).model_fields.items()
            ):
                raise ValueError("there are no steps, so the other settings would have no effect")
        elif self.engine == "local":
            if endpoint != EndpointSection():
                raise ValueError("engine is local, so the endpoint would have no effect; remove one")
            if self.max_cost is not None:
                raise ValueError("engine is local, which costs nothing; remove max_cost")
        else:
            if endpoint.url is None or endpoint.model is None:
                raise ValueError("endpoint.url and endpoint.model are needed, or `engine: local`")
            if self.max_cost is not None and endpoint.price_in is None:
                raise ValueError("max_cost needs endpoint.price_in and endpoint.price_out")
        return self
