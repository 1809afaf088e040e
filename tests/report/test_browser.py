"""The page in a real browser, at the width of a phone and of a desktop."""

from __future__ import annotations

import pytest

TOO_WIDE = """() => [...document.querySelectorAll('body *')]
  .filter(e => !e.closest('.scroll, nav, pre, .tokens, svg, .skip, .unseen, thead'))
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))"""


SCROLLS = """() => [...document.querySelectorAll('.scroll, pre')]
  .filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1).map(e => e.className)"""


@pytest.mark.parametrize("part", ["run", "data"])
@pytest.mark.parametrize("width", [390, 1200])
def test_nothing_has_to_be_scrolled_sideways(build, browser, part, width):
    from talkwright.report import write_report

    run = build()
    page = browser.new_page(viewport={"width": width, "height": 740})
    page.goto(write_report(run if part == "run" else run / "data").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate(SCROLLS) == []
    assert page.evaluate(TOO_WIDE) == []
    page.close()


@pytest.mark.parametrize("hostile", ["", "w" * 120 + "<b>&\u202e"], ids=["plain", "unbroken words"])
@pytest.mark.parametrize(("width", "height"), [(360, 740), (1280, 900)])
def test_the_page_fits_its_window_and_reports_no_error(build, browser, tmp_path, width, height, hostile):
    from talkwright.report import write_report

    path = write_report(build(hostile=hostile))
    page = browser.new_page(viewport={"width": width, "height": height})
    problems: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    for opened in (False, True):
        page.evaluate("open => document.querySelectorAll('details').forEach(d => d.open = open)", opened)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(TOO_WIDE) == []
    shot = tmp_path / f"report-{width}.png"
    page.screenshot(path=str(shot))
    assert shot.stat().st_size > 10_000
    page.close()
    assert problems == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


def test_text_is_legible_in_light_and_dark(build, browser):
    """Every text colour against its background: WCAG 2.1 contrast of 4.5 at least."""
    from talkwright.report import write_report

    path = write_report(build())
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(path.as_uri())
        assert page.evaluate(CONTRAST) == [], scheme
        page.close()


CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (under, over) => {
    for (const colour of [under, over]) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = c => c.map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = e => {
    const stack = [];
    for (let n = e; n; n = n.parentElement) stack.unshift(getComputedStyle(n).backgroundColor);
    return stack.reduce((under, over) => `rgb(${rgb(under, over)})`, 'white');
  };
  const bad = new Set();
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('svg, .unseen, .tokens i, .taught-key i, .skip')) continue;
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const under = ground(e);
    const a = light(rgb(under, getComputedStyle(e).color)), b = light(rgb(under, under));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.add(`${e.tagName}.${e.className} ${ratio.toFixed(2)}`);
  }
  return [...bad];
}"""
