"""Everything Talkwright raises on purpose.

    TalkwrightError           a sentence for the person at the keyboard; exit code 2
    ├── RecipeError           the recipe, or a --set, is not what it should be
    ├── DataError             a source cannot be read or leaves nothing to learn from
    ├── EndpointError         an endpoint that the recipe names cannot be reached, or refuses
    ├── TemplateError         the chat template is missing, unusable or does not match
    ├── ModelError            a base model cannot be found, read or accepted
    ├── ArtefactError         a run or artefact is missing, unfinished or damaged
    ├── TrainError            training cannot go on (nothing to learn, loss not finite)
    └── RequestError          a chat request cannot be answered as asked (serve: HTTP 400)

Every message says what was found, where, and what to do about it.
"""

from __future__ import annotations


class TalkwrightError(Exception):
    """A problem the user can act on. The message is shown as it is, without a traceback."""


class RecipeError(TalkwrightError, ValueError):
    """The recipe is wrong: unknown key, wrong type, impossible combination."""


class DataError(TalkwrightError, ValueError):
    """A source cannot be read, or nothing usable is left of it."""


class EndpointError(TalkwrightError, RuntimeError):
    """An endpoint that the recipe names cannot be reached, refuses, or answers nothing usable."""


class TemplateError(TalkwrightError, ValueError):
    """The chat template is missing, unusable, or not the one an artefact was made with."""


class ModelError(TalkwrightError, ValueError):
    """A base model cannot be found, read or accepted."""


class ArtefactError(TalkwrightError, RuntimeError):
    """An artefact directory is missing, unfinished, damaged or of another kind."""


class TrainError(TalkwrightError, RuntimeError):
    """Training cannot start or go on."""


class RequestError(TalkwrightError, ValueError):
    """A chat request cannot be answered as asked.

    `param` names the offending request field and `code` is the machine-readable reason, both as
    the OpenAI API reports them; either may be None.
    """

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None):
        super().__init__(message)
        self.param = param
        self.code = code
