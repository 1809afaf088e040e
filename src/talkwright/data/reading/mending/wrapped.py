"""What stands around JSON or in between, and is none: quotes, prefixes of a stream, comments.

Each is taken away only where what remains is JSON to the letter.
"""

from __future__ import annotations

import json
import re

_CALL = re.compile(
    r"(?:/\*\*/\s*)?[A-Za-z_$][\w$.]{0,60}\s*\((?P<inner>\s*[{\[].*[}\]]\s*)\)\s*;?\s*\Z", re.DOTALL
)
_EVENT = re.compile(r"data:\s*(?=[{\[])")
_ESCAPED_START = re.compile(r'\s*[{\[][\s{\[]{0,9}\\"')
_HTML_START = re.compile(r"\A\s*[{\[][\s{\[]{0,9}&quot;")
_ENTITY = re.compile(r"&(?:[A-Za-z]{2,8}|#\d{2,6}|#[xX][0-9a-fA-F]{2,5});")
# What nothing ends reaches to the end: looking for one from each start would take too long.
_STRING = r'"[^"\\]*(?:\\[\s\S][^"\\]*)*(?:"|\\?\Z)'
_COMMENTED = re.compile(rf"({_STRING}|/\*(?!.*?\*/).*)|//[^\n]*|/\*.*?\*/", re.DOTALL)
_COMMA = re.compile(rf"({_STRING})|,(\s*[}}\]])")
_KEY = re.compile(rf'({_STRING})|([{{,]\s*)[“”„‟]([^"“”„‟\\]{{1,60}})[“”„‟](\s*:)')


def unwrapped(line: str) -> list[tuple[str, tuple[str, ...]]]:
    """What a line that is no JSON may be meant as, with the names of the repairs."""
    found: list[tuple[str, tuple[str, ...]]] = []
    event = _EVENT.match(line)
    if event is not None:
        found.append((line[event.end() :], ("removed_prefix",)))
    if line.rstrip("; \t")[-1:] == ")" and (call := _CALL.match(line)) is not None:
        found.append((call["inner"], ("removed_call",)))
    for quote in "\"'":
        inner = line.removeprefix(quote).removesuffix(quote)
        if inner != line and inner[:1] in ("{", "["):
            found.append((inner, ("unwrapped_string",)))
            line = inner
    found += [(inner, ("unwrapped_string",)) for inner in unescaped(line)]
    found += [(inner, ("unescaped_quotes",)) for inner in _with_quotes(line)]
    if '""' in line and '"' not in line.replace('""', ""):
        found.append((line.replace('""', '"'), ("unwrapped_string",)))
    if line[:1] in ("{", "["):
        if "//" in line or "/*" in line:
            found.append(uncommented(line))
        if re.search("[{,]\\s{0,20}[“”„‟]", line):
            found.append((_KEY.sub(_plain_key, line), ("fixed_quotes",)))
    return found


def unescaped(text: str) -> list[str]:
    """What JSON may be meant by a text in which even the quotes around keys are escaped."""
    if not _ESCAPED_START.match(text):
        return []
    try:
        inner = json.loads(f'"{text}"', strict=False)
    except ValueError:
        return [text.replace('\\"', '"')]  # nothing but the quotes was escaped
    return [inner] if isinstance(inner, str) else []


def _with_quotes(line: str) -> list[str]:
    """What is meant by a line whose quotation marks are all written as HTML writes them, `&quot;`.

    Where other signs are written so, too, the whole line may have been, or its texts were before; only
    a bare one of them tells that nothing but the quotes was.
    """
    if not _HTML_START.match(line) or '"' in line:
        return []
    bare = _ENTITY.sub("", line)
    if _ENTITY.search(line.replace("&quot;", "")) and not any(sign in bare for sign in "&<>"):
        return []
    return [line.replace("&quot;", '"')]


def is_comment(text: str) -> bool:
    """Say whether what stands on a line, or behind a row on it, is a comment to its end."""
    start = text.lstrip()
    if start.startswith("/*"):
        return start.rstrip().find("*/") == len(start.rstrip()) - 2 > 1
    return start.startswith(("#", "//"))


def uncommented(text: str) -> tuple[str, tuple[str, ...]]:
    """JSON without `//` and `/* */` and the commas behind last values, and the names of what was there.

    Lines stay where they are.
    """
    bare = _COMMENTED.sub(lambda found: found[1] or "\n" * found[0].count("\n"), text)
    plain = _COMMA.sub(lambda found: found[1] or found[2], bare)
    names = ("removed_comment",) if bare != text else ()
    return plain, (*names, "removed_trailing_comma") if plain != bare else names


def _plain_key(found: re.Match[str]) -> str:
    return found[1] or f'{found[2]}"{found[3]}"{found[4]}'
