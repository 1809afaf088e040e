"""A finished or half-finished run → `RUN/report.html`, one page that needs nothing else.

In: a run folder, read from disk alone; every stage's artefact is optional. Out: one HTML file with
its styles and charts inside, without a script and without a request to anywhere; the same artefacts
give the same bytes. Refuses (ArtefactError) a folder that is not a run, and files of a finished
artefact that are damaged: a report must not look whole when what it reports on is not.
"""

from __future__ import annotations

from talkwright.report.write import write_report

__all__ = ["write_report"]
