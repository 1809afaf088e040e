"""The chat page: Gradio blocks on top of the same line of requests as the API.

The two chats' histories are the page's whole state. They live in the browser and come in with every
event, so the server keeps nothing, and closing the page forgets everything.
"""
# No `from __future__ import annotations`: Gradio reads the handlers' annotations as values.

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from talkwright.config import ServeSection
from talkwright.engine import Engine
from talkwright.serve.asking import Both, Controls, ask, ask_again
from talkwright.serve.desk import Desk
from talkwright.serve.history import History, catch_up, cut

if TYPE_CHECKING:
    from fastapi import FastAPI

# An answer's error is a message in the chat. Gradio's own sign must not cover it: it comes up over the
# whole chat when a click on stop ends an answer just before its next word is asked for.
CSS = """
.gradio-container .app { padding: 12px 16px !important; }
.gradio-container main { width: 100%; min-width: 0; max-width: 1240px; margin: 0 auto; }
footer { display: none !important; }
#heading { padding: 0 2px; }
#heading h1 { font-size: 1.3rem; line-height: 1.3; margin: 0; font-weight: 650; }
#heading p { margin: 0; color: var(--body-text-color-subdued); font-size: .88rem; }
#talk { min-width: 0 !important; }
#chats { gap: 12px; }
#chats .chat { height: calc(100dvh - 182px) !important; min-height: 320px; }
#chats .chat { min-width: min(300px, 100%) !important; }
#chats .message { overflow-wrap: anywhere; }
#chats .message img { display: none; }
#chats [data-testid="status-tracker"] { display: none; }
@media (max-width: 760px) {
  .gradio-container .app { padding: 8px !important; }
  #heading p { font-size: .8rem; }
  #talk, #settings { flex-basis: 100%; }
  #chats .chat { height: calc(100dvh - 204px) !important; min-height: 280px; flex-basis: 100%; }
  #chats.two .chat { height: calc(50dvh - 108px) !important; min-height: 230px; }
}
"""
# Fonts that are already there: the page must not ask another machine for any.
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

Updates = AsyncGenerator[dict[Any, Any], None]


def mount_page(
    app: "FastAPI", engine: Engine, section: ServeSection, desk: Desk, *, system: str | None, title: str
) -> None:
    """Put the page at `/`, behind every route the application already has."""

    async def mount() -> None:
        _mount(app, build_page(engine, section, desk, system=system, title=title))

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # Where no loop runs, Gradio makes one for each of its locks and leaves it open.
        asyncio.run(mount())
    else:
        _mount(app, build_page(engine, section, desk, system=system, title=title))


def _mount(app: "FastAPI", page: Any) -> None:
    import gradio as gr
    from starlette.exceptions import HTTPException

    from talkwright.serve.api import http_error

    gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=gr.themes.Default(primary_hue="indigo", neutral_hue="slate", font=FONTS, font_mono=MONO),
        css=CSS,
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        show_error=False,
        max_file_size=1,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )
    mounted: Any = app.router.routes[-1]
    mounted.app.add_exception_handler(HTTPException, http_error)


def build_page(
    engine: Engine, section: ServeSection, desk: Desk, *, system: str | None, title: str
) -> Any:
    """The page's blocks and events."""
    import gradio as gr

    first, *others = engine.variants
    subtitle = f"{engine.name} · runs on this server, which keeps no chats · answers can be wrong"
    with gr.Blocks(title=title, analytics_enabled=False, fill_width=True) as blocks:
        gr.HTML(f"<h1>{escape(title)}</h1><p>{escape(subtitle)}</p>", elem_id="heading")
        with gr.Row():
            with gr.Column(scale=4, min_width=320, elem_id="talk"):
                with gr.Row(elem_id="chats") as row:
                    chat = _chatbot(first, shown=True, alone=not others)
                    other = _chatbot(others[0] if others else "", shown=False, alone=False)
                box = gr.Textbox(
                    placeholder="Ask something …",
                    show_label=False,
                    submit_btn=True,
                    autofocus=True,
                    max_lines=8,
                    elem_id="box",
                )
            with gr.Column(scale=1, min_width=260, elem_id="settings"):
                compare = gr.Checkbox(
                    label=f"Compare with the {others[0]} model" if others else "Compare",
                    visible=bool(others),
                    elem_id="compare",
                )
                controls = _controls(engine, section, system)
        _wire(engine, desk, Parts(row, chat, other, box, compare, controls))
    blocks.queue(api_open=False, max_size=64, default_concurrency_limit=None)
    return blocks


@dataclass(frozen=True, slots=True)
class Parts:
    """The components that events read and write."""

    row: Any
    chat: Any
    other: Any
    box: Any
    compare: Any
    controls: list[Any]


def _chatbot(variant: str, *, shown: bool, alone: bool) -> Any:
    import gradio as gr

    return gr.Chatbot(
        label="Chat" if alone else f"{variant.capitalize()} model",
        show_label=not alone,
        visible=shown,
        elem_classes=["chat"],
        min_width=300,
        height=None,
        editable="user",
        buttons=["copy", "copy_all"],
        sanitize_html=True,
        allow_tags=False,
        allow_file_downloads=False,
        latex_delimiters=[],
        feedback_options=None,
        placeholder="Type a question below to begin.",
    )


def _controls(engine: Engine, section: ServeSection, system: str | None) -> list[Any]:
    """The fields of `Controls`, in their order."""
    import gradio as gr

    longest = min(engine.context_length, 4096)
    return [
        gr.Textbox(
            label="System prompt",
            value=system or engine.template.system or "",
            lines=3,
            max_lines=8,
            placeholder="What the model is told first; empty: its default",
            elem_id="system",
        ),
        gr.Slider(
            0,
            2,
            value=section.temperature,
            step=0.05,
            label="Temperature",
            info="0 gives the same answer every time",
        ),
        gr.Slider(0.05, 1, value=max(section.top_p, 0.05), step=0.01, label="Top-p"),
        gr.Slider(
            1, longest, value=min(section.max_new_tokens, longest), step=1, label="Max new tokens"
        ),
    ]


def _wire(engine: Engine, desk: Desk, parts: Parts) -> None:
    """Connect what can be clicked with what happens then."""
    import gradio as gr

    chat, other, box = parts.chat, parts.other, parts.box
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    answering: dict[str, Any] = quiet | {
        "inputs": [chat, other, parts.compare, *parts.controls],
        "outputs": [chat, other, box],
    }

    def ready(busy: bool = False) -> Any:
        return gr.Textbox(submit_btn=not busy, stop_btn=busy)

    async def show(steps: AsyncGenerator[Both, None]) -> Updates:
        # The box is told once: an update that comes after a click on stop must not make it busy again.
        yield {box: ready(busy=True)}
        async with aclosing(steps):
            async for one, two in steps:
                yield {chat: one, other: two}
        yield {box: ready()}

    async def submit(text: str, one: History, two: History, comparing: bool, *controls: Any) -> Updates:
        yield {box: gr.Textbox(value="", submit_btn=False, stop_btn=True)}
        answer = ask(engine, desk, text, one, two, comparing, Controls(*controls))
        async with aclosing(show(answer)) as steps:
            async for step in steps:
                yield step

    async def retry(
        data: gr.RetryData, one: History, two: History, comparing: bool, *controls: Any
    ) -> Updates:
        now = Controls(*controls)
        again = ask_again(engine, desk, _index(data), None, one, two, comparing, now)
        async with aclosing(show(again)) as steps:
            async for step in steps:
                yield step

    async def edit(
        data: gr.EditData, one: History, two: History, comparing: bool, *controls: Any
    ) -> Updates:
        now = Controls(*controls)
        again = ask_again(engine, desk, _index(data), str(data.value), one, two, comparing, now)
        async with aclosing(show(again)) as steps:
            async for step in steps:
                yield step

    def undo(data: gr.UndoData, one: History, two: History) -> dict[Any, Any]:
        one, question = cut(one, _index(data))
        two, _ = cut(two, _index(data))
        again = gr.Textbox(value=question or "", submit_btn=True, stop_btn=False)
        return {chat: one, other: two, box: again}

    def forget() -> dict[Any, Any]:
        return {chat: [], other: [], box: ready()}

    def switch(comparing: bool, one: History, two: History) -> dict[Any, Any]:
        return {
            other: gr.Chatbot(value=catch_up(two, one) if comparing else two, visible=comparing),
            parts.row: gr.Row(elem_classes=["two"] if comparing else []),
        }

    running = [box.submit(submit, **(answering | {"inputs": [box, *answering["inputs"]]}))]
    for side in (chat, other):
        running += [side.retry(retry, **answering), side.edit(edit, **answering)]
    for side in (chat, other):
        side.undo(undo, [chat, other], [chat, other, box], cancels=running, **quiet)
        side.clear(forget, None, [chat, other, box], cancels=running, **quiet)
    box.stop(ready, None, [box], cancels=running, **quiet)
    parts.compare.change(switch, [parts.compare, chat, other], [other, parts.row], **quiet)


def _index(data: Any) -> int:
    """Which message was clicked; Gradio gives a pair for a part of a message."""
    return int(data.index[0] if isinstance(data.index, (list, tuple)) else data.index)
