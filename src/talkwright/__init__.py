"""Talkwright turns raw conversations into a fine-tuned, evaluated, served chatbot.

    raw files → data → template → train → evaluate → compare → report → serve

Start reading at `talkwright.pipeline`. Nothing heavy is imported until it is needed.
"""

from __future__ import annotations

__version__ = "0.1.0"
