"""What stands around JSON or in between, and is none: quotes, prefixes of a stream, comments.

Each is taken away only where what remains is JSON to the letter.
"""

from __future__ import annotations

import json
import re

_EVENT = re.compile(r"data:\s*(?=[{\[])")
_ESCAPED_START = re.compile(r'\s*[{\[][\s{\[]{0,9}\\"')
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_COMMENTED = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?\*/", re.DOTALL)
_COMMA = re.compile(rf"({_STRING})|,(\s*[}}\]])")
_KEY = re.compile(rf'({_STRING})|([{{,]\s*)[“”„‟]([^"“”„‟\\]{{1,60}})[“”„‟](\s*:)')


def unwrapped(line: str) -> list[tuple[str, str]]:
    """What a line that is no JSON may be meant as, with the name of the repair."""
    found: list[tuple[str, str]] = []
    event = _EVENT.match(line)
    if event is not None:
        found.append((line[event.end() :], "removed_prefix"))
    for quote in "\"'":
        inner = line.removeprefix(quote).removesuffix(quote)
        if inner != line and inner[:1] in ("{", "["):
            found.append((inner, "unwrapped_string"))
            line = inner
    found += [(inner, "unwrapped_string") for inner in unescaped(line)]
    if '""' in line and '"' not in line.replace('""', ""):
        found.append((line.replace('""', '"'), "unwrapped_string"))
    if line[:1] in ("{", "["):
        if "//" in line or "/*" in line:
            found.append((uncommented(line), "removed_comment"))
        if re.search("[{,]\\s{0,20}[“”„‟]", line):
            found.append((_KEY.sub(_plain_key, line), "fixed_quotes"))
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


def is_comment(text: str) -> bool:
    """Say whether what stands on a line, or behind a row on it, is a comment to its end."""
    start = text.lstrip()
    if start.startswith("/*"):
        return start.rstrip().find("*/") == len(start.rstrip()) - 2 > 1
    return start.startswith(("#", "//"))


def uncommented(text: str) -> str:
    """JSON without `//` and `/* */` and the commas behind last values; lines stay where they are."""
    bare = _COMMENTED.sub(lambda found: found[1] or "\n" * found[0].count("\n"), text)
    return _COMMA.sub(lambda found: found[1] or found[2], bare)


def _plain_key(found: re.Match[str]) -> str:
    return found[1] or f'{found[2]}"{found[3]}"{found[4]}'
