"""Property tests here flush files to disk; how long that takes says nothing about the code."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("talkwright", deadline=None)
settings.load_profile("talkwright")
