"""The recipe's endpoint as a writer, and its key."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from talkwright.config import AugmentSection, EndpointSection
from talkwright.data.augment.asking import Prices, Queue, Writer
from talkwright.errors import EndpointError, RecipeError
from talkwright.types import content_id


def endpoint_writer(section: AugmentSection) -> Writer:
    """The recipe's endpoint as a writer of new rows. The key is read when the first row is asked for."""
    endpoint = section.endpoint
    if endpoint.url is None or endpoint.model is None:  # the recipe allows that without steps alone
        raise RecipeError(
            "the recipe has no data.augment.steps, so there is nothing to make; the smallest is "
            "`steps: [{kind: paraphrase}]`"
        )
    host = urlsplit(endpoint.url).netloc
    prices = None
    if endpoint.price_in is not None and endpoint.price_out is not None:
        prices = Prices(endpoint.price_in, endpoint.price_out)

    def ask(queue: Queue) -> None:
        from talkwright.data.augment.client import ask_endpoint

        ask_endpoint(endpoint, _key(endpoint), section.deadline, queue)

    return Writer(ask, endpoint.model, host, content_id([endpoint.url, endpoint.model]), prices)


def _key(endpoint: EndpointSection) -> str | None:
    if endpoint.key_env is None:
        return None
    key = os.environ.get(endpoint.key_env, "").strip()
    if not key:
        raise EndpointError(
            f"the environment variable {endpoint.key_env} (data.augment.endpoint.key_env) is not set; "
            "put the endpoint's key into it"
        )
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise EndpointError(
            f"the environment variable {endpoint.key_env} holds characters that no key has (spaces, "
            "line ends, letters with accents); set it again"
        )
    return key
