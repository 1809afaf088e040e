"""The chat page in a real browser: what a person sees and clicks."""

from __future__ import annotations

import re

import pytest


@pytest.fixture
def page(browser, server):
    """A page at desktop width that notes every address it asks for and every script error."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.asked, opened.errors, opened.failed = [], [], []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.on(
        "requestfailed",
        lambda request: server.url in request.url or opened.failed.append(request.failure),
    )
    opened.set_default_timeout(10_000)
    opened.goto(server.url)
    opened.wait_for_selector("#box textarea")
    yield opened
    opened.close()


def ask(page, text, *, wait=True):
    page.fill("#box textarea", text)
    page.press("#box textarea", "Enter")
    if wait:
        page.wait_for_function("document.querySelector('#box textarea').value === ''")
        page.wait_for_selector("#box .submit-button")


def answers(page, side=0):
    return page.locator("#chats .chat").nth(side).locator(".bot.message").all_inner_texts()


def see(page, side, pattern):
    found = page.locator("#chats .chat").nth(side).locator(".bot.message").last
    from playwright.sync_api import expect

    expect(found).to_contain_text(re.compile(pattern), timeout=10_000)


def test_a_question_is_answered_without_asking_another_machine(page, server):
    ask(page, "hello")
    see(page, 0, "You said: hello")
    ask(page, "and now?")
    see(page, 0, r"You said: and now\?")
    assert "You said: hello" in server.engine.calls[-1][2]
    page.get_by_label("Edit").first.click()
    page.locator("#chats textarea").fill("changed")
    page.get_by_label("Submit").first.click()
    see(page, 0, "You said: changed")
    assert len(answers(page)) == 1
    page.get_by_label("Clear").first.click()
    page.wait_for_function("document.querySelectorAll('#chats .bot.message').length === 0")
    assert [url for url in page.asked if not url.startswith((server.url, "data:", "blob:"))] == []
    assert page.errors == []
    assert page.evaluate("[...document.fonts].filter(font => font.status === 'error').length") == 0


def test_an_answer_streams_and_can_be_stopped_and_asked_for_again(page, server, wait_until, monkeypatch):
    monkeypatch.setattr(server.engine, "_delay", 0.03)
    ask(page, "long", wait=False)
    see(page, 0, "word word")
    assert len(answers(page)[-1]) < 700
    before = len(server.engine.cancelled_at)
    page.click("#box .stop-button")
    wait_until(lambda: len(server.engine.cancelled_at) > before, 40)
    page.wait_for_selector("#box .submit-button")
    stopped = answers(page)[-1]
    assert stopped.startswith("word")
    # Gradio calls a stopped answer an error now and then, and would cover the chat with that word.
    signs = "[...document.querySelectorAll('#chats [data-testid=status-tracker]')]"
    assert page.evaluate(f"{signs}.map(sign => getComputedStyle(sign).display)") == ["none"]
    monkeypatch.setattr(server.engine, "_delay", 0)
    page.get_by_label("Retry").last.click()
    see(page, 0, "(word ){190}")
    assert len(answers(page)) == 1
    page.get_by_label("Undo").last.click()
    page.wait_for_function("document.querySelector('#box textarea').value === 'long'")
    assert answers(page) == []


def test_closing_the_page_frees_the_engine(browser, server, wait_until, monkeypatch):
    monkeypatch.setattr(server.engine, "_delay", 0.03)
    before = len(server.engine.cancelled_at)
    leaving = browser.new_page()
    leaving.goto(server.url)
    leaving.wait_for_selector("#box textarea")
    ask(leaving, "long", wait=False)
    wait_until(lambda: server.engine.running)
    leaving.close()
    wait_until(lambda: len(server.engine.cancelled_at) > before, 40)


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_comparing_shows_both_models_beside_or_above_each_other(page, server, width, height):
    page.set_viewport_size({"width": width, "height": height})
    ask(page, "first")
    page.check("#compare input")
    page.wait_for_function("document.querySelectorAll('#chats .chat').length === 2")
    ask(page, "second")
    see(page, 0, "You said: second")
    see(page, 1, "You said: second")
    assert [variant for variant, _, _ in server.engine.calls[-2:]] == ["tuned", "base"]
    left, right = (page.locator("#chats .chat").nth(side).bounding_box() for side in (0, 1))
    if width > 760:
        assert abs(left["y"] - right["y"]) < 2
        assert left["x"] + left["width"] <= right["x"]
    else:
        assert left["y"] + left["height"] <= right["y"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator("#box").bounding_box()
    page.evaluate("window.scrollTo(0, 0)")
    assert box["y"] + box["height"] <= height
    page.uncheck("#compare input")
    page.wait_for_function(
        "[...document.querySelectorAll('#chats .chat')].filter(e => e.offsetWidth > 0).length === 1"
    )


def test_what_a_model_writes_is_inert(page, server):
    ask(page, "xss")
    see(page, 0, "the end")
    assert page.evaluate("window.pwned") is None
    inside = page.locator("#chats .bot.message").last
    for tag in ("script", "iframe", "[onerror]", "a[href^=javascript]"):
        assert inside.locator(tag).count() == 0
    # The image's address is tried, and stopped by the page's own policy before it leaves.
    assert page.failed
    assert all(failure == "csp" for failure in page.failed)


def test_settings_reach_the_engine(page, server):
    page.fill("#system textarea", "Be brief.")
    page.get_by_label("number input for Temperature").fill("0.5")
    page.get_by_label("number input for Max new tokens").fill("3")
    page.keyboard.press("Tab")
    ask(page, "hello")
    see(page, 0, r"^You\s*$")
    _, sampling, prompt = server.engine.calls[-1]
    assert (sampling.temperature, sampling.max_new_tokens) == (0.5, 3)
    assert prompt.startswith("system\nBe brief.\n")


def test_a_chat_too_long_is_told_in_the_chat(page):
    ask(page, "x" * 2500)
    see(page, 0, "2048")
    assert page.errors == []
