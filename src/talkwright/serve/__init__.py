"""Engine → conversations: the terminal chat, the chat page and the OpenAI-compatible API.

In: an `Engine` and the recipe's `serve` section. Out: nothing on disk, unless somebody types `/save`.
Page and API share one process, one port and one line of waiting requests (`desk.py`); what may be
asked is decided in `openai.py`, and who may ask in `guard.py`.

Refuses: request fields it cannot honour, chats longer than the model's context, requests for a
foreign host name or from foreign web pages, a port that is taken.
"""

from __future__ import annotations

from talkwright.serve.app import create_app, run_server
from talkwright.serve.terminal import chat_in_terminal

__all__ = ["chat_in_terminal", "create_app", "run_server"]
