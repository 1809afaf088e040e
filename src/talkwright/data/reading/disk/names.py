"""What the names of files say of them beyond their extension."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DAY = re.compile(r"(?:.*/)?\d{4}-\d\d-\d\d\.json")


def slack_days(names: Sequence[str]) -> list[str]:
    """Of the files of an export of Slack those with messages; [] where these are of something else."""
    bare = {name.rsplit("/", 1)[-1] for name in names}
    is_slack = {"users.json", "channels.json"} <= bare
    return [name for name in names if _DAY.fullmatch(name)] if is_slack else []
