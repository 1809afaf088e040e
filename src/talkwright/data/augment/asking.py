"""Between what is wanted and who writes it: requests, answers, and the queue they wait in.

The queue knows nothing of networks or models. Whoever writes (an endpoint, the local engine, a function
in a test) takes requests from it and hands answers back, in any order; what becomes of an answer does
not depend on that order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

from talkwright.data.augment.replies import Replies, Written
from talkwright.types import Message, content_id, to_json

Chat = tuple[Message, ...]
Chain = Generator[Chat, str, Chat]
"""One new row in the making: yields what to ask, is sent the reply, returns the new conversation."""


class Rejected(Exception):
    """This row is not to be: `reason` for the sums, `detail` for people."""

    def __init__(self, reason: str, detail: str = ""):
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Request:
    """One chat to be answered. `key` is a hash of everything that the answer depends on."""

    number: int
    messages: Chat
    temperature: float
    max_tokens: int
    key: str


@dataclass(frozen=True, slots=True)
class Prices:
    """Price of a million tokens, sent and received."""

    sent: float
    received: float

    def of(self, tokens_in: int, tokens_out: int) -> float:
        """What so many tokens cost."""
        return (tokens_in * self.sent + tokens_out * self.received) / 1e6


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes the new rows. `identity` is for the cache: all of the writer that shapes its answers.

    `ask` takes requests from a queue and hands answers back until the queue gives no more.
    """

    ask: Asker
    model: str
    host: str
    identity: str
    prices: Prices | None = None


@dataclass(slots=True)
class Wanted:
    """A new row that is wanted, and what became of it.

    `bound` is the most tokens it can cost, sent and received, over all of its requests.
    """

    number: int
    start: Callable[[], Chain]
    temperature: float
    max_tokens: int
    bound: tuple[int, int]
    chain: Chain | None = None
    result: Chat | None = None
    rejected: Rejected | None = None
    last_key: str = ""
    tokens: tuple[int, int] = (0, 0)
    requests: int = 0
    unmetered: int = 0


@dataclass(slots=True)
class Queue:
    """The rows that are wanted, in order; gives out the requests that they need.

    A row is begun only if the rows before it and the most it can cost stay within `max_cost`. While
    that cannot be told, because others are still being written, `take` gives nothing for the moment, so
    which rows are begun does not depend on who answers first.
    """

    wanted: Sequence[Wanted]
    writer: Writer
    replies: Replies
    max_cost: float | None = None
    closed: Callable[[Wanted], object] = lambda _: None
    sent: int = 0
    _next: int = 0
    _open: dict[int, Wanted] = field(default_factory=dict)
    _ready: deque[Request] = field(default_factory=deque)
    _spent: float = 0.0

    def take(self) -> Request | None:
        """The next request. None: nothing for now, or, when no answer is outstanding, nothing more."""
        while not self._ready and self._next < len(self.wanted):
            row = self.wanted[self._next]
            if not self._affordable(row):
                if self._open:
                    return None
                self._refuse_the_rest()
                return None
            self._next += 1
            self._open[row.number] = row
            row.chain = row.start()
            self._go_on(row, None)
        if not self._ready:
            return None
        self.sent += 1
        return self._ready.popleft()

    def done(self, request: Request, answer: Written) -> None:
        """Hand in what came of a request; on return it is on disk."""
        row = self._open[request.number]
        if answer.failed is not None:
            self._close(row, Rejected("failed_after_retries", answer.failed))
            return
        # Two rows may have asked the same at once; the first answer holds for both, now and later.
        kept = self.replies.get(request.key)
        if kept is None:
            self.replies.add(request.key, answer)
        self._go_on(row, kept or answer)

    def _go_on(self, row: Wanted, answer: Written | None) -> None:
        """Give answers to a row as long as they are known; then ask, or close it."""
        assert row.chain is not None
        while True:
            try:
                text = None if answer is None else self._text(row, answer)
                messages = next(row.chain) if text is None else row.chain.send(text)
            except StopIteration as end:
                row.result = end.value
                self._close(row)
                return
            except Rejected as rejected:
                self._close(row, rejected)
                return
            request = self._request(row, messages)
            row.last_key = request.key
            answer = self.replies.get(request.key)
            if answer is None:
                self._ready.append(request)
                return

    def _text(self, row: Wanted, answer: Written) -> str:
        row.requests += 1
        tokens_in, tokens_out = answer.tokens_in, answer.tokens_out
        if tokens_in is None or tokens_out is None:
            row.unmetered += 1
            tokens_in, tokens_out = tokens_in or 0, tokens_out or 0
        row.tokens = (row.tokens[0] + tokens_in, row.tokens[1] + tokens_out)
        if answer.finish == "length":
            raise Rejected("too_long", "the reply reached max_tokens")
        if answer.finish == "refused":
            raise Rejected("refused", answer.text)
        return answer.text

    def _request(self, row: Wanted, messages: Chat) -> Request:
        key = request_key(self.writer, messages, row.temperature, row.max_tokens)
        return Request(row.number, messages, row.temperature, row.max_tokens, key)

    def _close(self, row: Wanted, rejected: Rejected | None = None) -> None:
        row.rejected = rejected
        row.chain = None
        del self._open[row.number]
        self._spent += self._cost(row)
        self.closed(row)

    def _cost(self, row: Wanted) -> float:
        """What a closed row cost; where the writer did not say, the most it can have been."""
        if self.writer.prices is None:
            return 0.0
        return self.writer.prices.of(*(row.bound if row.unmetered else row.tokens))

    def _affordable(self, row: Wanted) -> bool:
        prices = self.writer.prices
        if self.max_cost is None or prices is None:
            return True
        reserved = sum(prices.of(*other.bound) for other in self._open.values())
        return self._spent + reserved + prices.of(*row.bound) <= self.max_cost

    def _refuse_the_rest(self) -> None:
        for row in self.wanted[self._next :]:
            row.rejected = Rejected("over_budget", "data.augment.max_cost is reached")
            self.closed(row)
        self._next = len(self.wanted)


Asker = Callable[[Queue], None]
"""Takes requests from a queue and hands answers back until the queue gives no more."""


def request_key(writer: Writer, messages: Chat, temperature: float, max_tokens: int) -> str:
    """Hash of a request: who is asked, what, and how."""
    asked = [[m.role, m.content] for m in messages]
    return content_id([writer.identity, to_json(asked), temperature, max_tokens], 32)


def in_batches(answer: Callable[[Sequence[Chat], float, int], Sequence[Written]], size: int) -> Asker:
    """Make a `Writer.ask` of a plain function: from chats, a temperature and the longest reply in tokens
    to as many answers, in order."""

    def ask(queue: Queue) -> None:
        while True:
            batch: list[Request] = []
            while len(batch) < size and (request := queue.take()) is not None:
                batch.append(request)
            if not batch:
                return
            alike: dict[tuple[float, int], list[Request]] = {}
            for request in batch:
                alike.setdefault((request.temperature, request.max_tokens), []).append(request)
            for (temperature, max_tokens), group in alike.items():
                given = answer([request.messages for request in group], temperature, max_tokens)
                for request, each in zip(group, given, strict=True):
                    queue.done(request, each)

    return ask
