"""The OpenAI chat protocol: what a request may say, and what answers and errors look like.

Nothing here knows of HTTP or of models. A field that would change the reply and cannot be honoured is
refused by name; one that asks for nothing (a penalty of 0, `null`) is taken as not being there,
because common clients always send it.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from talkwright.config import ServeSection
from talkwright.errors import RequestError
from talkwright.types import Message, Reply, Sampling

# Fields of the protocol that this server cannot honour, each with the values that ask for nothing.
NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "presence_penalty": (0, 0.0),
    "frequency_penalty": (0, 0.0),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (),
    "response_format": ({"type": "text"},),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "modalities": (["text"],),
    "audio": (),
    "prediction": (),
    "reasoning_effort": (),
    "verbosity": (),
    "web_search_options": (),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "metadata": ({},),
    "safety_identifier": (),
    "prompt_cache_key": (),
    "prompt_cache_retention": (),
}
NEUTRAL_IN_MESSAGE: Mapping[str, tuple[Any, ...]] = {
    "name": (),
    "refusal": (),
    "audio": (),
    "annotations": ([],),
    "tool_calls": ([],),
    "function_call": (),
}
SEEDS = 2**31


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _unicode(text: str) -> str:
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("holds half of a surrogate pair, which is no character")
    return text


Text = Annotated[str, AfterValidator(_unicode)]


class TextPart(_Strict):
    """One part of a message's content. Only text can be said to these models."""

    type: Literal["text"]
    text: Text


class ChatMessage(_Strict):
    """One message of a request. `developer` is OpenAI's newer word for `system`."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[TextPart]

    def text(self) -> str:
        """The content as one string; parts are joined as they are."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content)


class StreamOptions(_Strict):
    """What a stream carries besides the reply."""

    include_usage: bool | None = None


StopText = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_unicode)]


class ChatRequest(_Strict):
    """The body of POST /v1/chat/completions, after `parse_request` took neutral fields out."""

    model: Text
    messages: list[ChatMessage] = Field(min_length=1, max_length=1024)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    n: int | None = Field(None, ge=1, le=4)
    stop: StopText | Annotated[list[StopText], Field(max_length=4)] | None = None
    user: Text | None = None

    @property
    def length(self) -> int | None:
        """The longest reply the request asks for, in tokens."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def length_param(self) -> str:
        """The name under which the request gave its length."""
        return "max_tokens" if self.max_tokens is not None else "max_completion_tokens"


# --- reading a request ---------------------------------------------------------------------------


def parse_request(body: bytes) -> ChatRequest:
    """Read a request body. Raises RequestError that names the field at fault."""
    values = _without_neutral(_json(body), NEUTRAL, "")
    messages = values.get("messages")
    if isinstance(messages, list):
        values["messages"] = [_sayable(message, index) for index, message in enumerate(messages)]
    try:
        request = ChatRequest.model_validate(values)
    except ValidationError as error:
        raise _explain(error) from None
    if request.max_tokens is not None and request.max_completion_tokens is not None:
        raise RequestError(
            "'max_tokens' and 'max_completion_tokens' mean the same; send one of them.",
            param="max_tokens",
            code="invalid_value",
        )
    if request.stream_options is not None and not request.stream:
        raise RequestError(
            "'stream_options' needs 'stream': true.", param="stream_options", code="invalid_value"
        )
    if request.messages[-1].role != "user":
        raise RequestError(
            f"The last message must be the user's, this one is the {request.messages[-1].role}'s. "
            "Going on from the beginning of an answer is not supported.",
            param=f"messages[{len(request.messages) - 1}].role",
            code="invalid_value",
        )
    return request


def messages_of(request: ChatRequest, system: str | None) -> list[Message]:
    """The conversation that was sent; `system` goes before one that has no system prompt."""
    messages = [
        Message("system" if message.role == "developer" else message.role, message.text())
        for message in request.messages
    ]
    if system is not None and messages[0].role != "system":
        messages.insert(0, Message("system", system))
    return messages


def samplings_of(request: ChatRequest, section: ServeSection, room: int) -> list[Sampling]:
    """How to draw each of the `n` choices; `room` is the most tokens a reply can have here.

    Without a seed every request draws its own. Choice i uses seed + i, so a seed fixes all of them.
    """
    seed = secrets.randbelow(SEEDS) if request.seed is None else request.seed
    stop = request.stop or ()
    return [
        Sampling(
            temperature=section.temperature if request.temperature is None else request.temperature,
            top_p=section.top_p if request.top_p is None else request.top_p,
            max_new_tokens=min(request.length or section.max_new_tokens, room),
            seed=(seed + index) % SEEDS,
            stop=(stop,) if isinstance(stop, str) else tuple(stop),
        )
        for index in range(request.n or 1)
    ]


def _json(body: bytes) -> dict[str, Any]:
    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    try:
        values = json.loads(body.decode("utf-8"), parse_constant=refuse)
    except UnicodeDecodeError:
        raise RequestError("The body is not UTF-8 text.", code="invalid_json") from None
    except RecursionError:
        raise RequestError("The body is nested too deeply.", code="invalid_json") from None
    except ValueError as error:
        raise RequestError(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    if not isinstance(values, dict):
        raise RequestError("The body must be a JSON object.", code="invalid_json")
    return values


def _without_neutral(values: Any, neutral: Mapping[str, tuple[Any, ...]], where: str) -> dict[str, Any]:
    kept = {}
    for key, value in values.items():
        if key not in neutral:
            kept[key] = value
        elif not any(type(value) is type(none) and value == none for none in (None, *neutral[key])):
            raise RequestError(
                f"'{where}{key}' is not supported by this server; leave it out.",
                param=where + key,
                code="unsupported_parameter",
            )
    return kept


def _sayable(message: Any, index: int) -> Any:
    """Refuse, with a sentence of its own, what clients send to larger models."""
    where = f"messages[{index}]"
    if not isinstance(message, dict):
        return message
    message = _without_neutral(message, NEUTRAL_IN_MESSAGE, where + ".")
    if message.get("role") in ("tool", "function"):
        raise RequestError(
            f"{where}: this server does not call tools, so it cannot take their results.",
            param=f"{where}.role",
            code="unsupported_parameter",
        )
    content = message.get("content")
    for number, part in enumerate(content if isinstance(content, list) else ()):
        kind = part.get("type") if isinstance(part, dict) else None
        if isinstance(kind, str) and kind != "text":
            raise RequestError(
                f"{where}: a part of type '{_short(kind)}' cannot be read; only text can.",
                param=f"{where}.content[{number}].type",
                code="unsupported_parameter",
            )
    return message


_UNIONS = ("content", "stop")  # pydantic names the branch it tried after these


def _explain(error: ValidationError) -> RequestError:
    # Of a union's problems the deepest one belongs to the branch that was meant.
    problem = max(error.errors(include_url=False, include_context=False), key=lambda p: len(p["loc"]))
    param, before = "", None
    for part in problem["loc"]:
        if isinstance(part, int):
            param += f"[{part}]"
        elif before not in _UNIONS:
            param += f".{part}" if param else part
        before = part
    param = _short(param)
    if problem["type"] == "missing":
        return RequestError(f"'{param}' is missing.", param=param, code="missing_required_parameter")
    if problem["type"] == "extra_forbidden":
        known = ", ".join(ChatRequest.model_fields)
        hint = f" Supported are: {known}." if len(problem["loc"]) == 1 else ""
        message = f"Unknown parameter: '{param}'.{hint}"
        return RequestError(message, param=param, code="unknown_parameter")
    found = problem["input"]
    shown = f", not {json.dumps(found)[:60]}" if isinstance(found, (bool, int, float)) else ""
    message = problem["msg"].removeprefix("Input ").removeprefix("Value error, ")
    return RequestError(f"'{param}' {message}{shown}.", param=param, code="invalid_value")


def _short(text: str) -> str:
    return text if len(text) <= 100 else text[:100] + "…"


# --- answering -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Head:
    """What all parts of one answer share."""

    model: str
    fingerprint: str
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def under(self, kind: str) -> dict[str, Any]:
        """The fields that a completion and a chunk begin with."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": f"fp_{self.fingerprint[:12]}",
        }


def completion(head: Head, replies: list[Reply]) -> dict[str, Any]:
    """The whole answer, one choice for each reply."""
    return head.under("chat.completion") | {
        "choices": [
            {
                "index": index,
                "message": {"role": "assistant", "content": reply.text, "refusal": None},
                "logprobs": None,
                "finish_reason": finish_reason(reply),
            }
            for index, reply in enumerate(replies)
        ],
        "usage": usage(replies),
    }


def chunk(
    head: Head, index: int, delta: dict[str, str], finish: str | None, *, with_usage: bool
) -> dict[str, Any]:
    """One piece of a streamed answer. Where usage comes last, every chunk before it says null."""
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
    more = {"usage": None} if with_usage else {}
    return head.under("chat.completion.chunk") | {"choices": [choice]} | more


def usage_chunk(head: Head, replies: list[Reply]) -> dict[str, Any]:
    """The last chunk of a stream that was asked for its usage."""
    return head.under("chat.completion.chunk") | {"choices": [], "usage": usage(replies)}


def usage(replies: list[Reply]) -> dict[str, Any]:
    """Tokens read and written. All choices share one prompt, which counts once."""
    read, written = replies[0].n_prompt, sum(reply.n_reply for reply in replies)
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def finish_reason(reply: Reply) -> str:
    """OpenAI's word for why a reply ended."""
    return "length" if reply.finish == "length" else "stop"


def event(value: dict[str, Any]) -> str:
    """One server-sent event. ASCII only: some clients split lines at U+2028 and its like."""
    return f"data: {json.dumps(value, separators=(',', ':'))}\n\n"


DONE = "data: [DONE]\n\n"


def error_body(
    message: str,
    kind: str = "invalid_request_error",
    *,
    param: str | None = None,
    code: str | None = None,
) -> dict[str, Any]:
    """The shape every error has, whatever went wrong."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
