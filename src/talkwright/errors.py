"""Everything Talkwright raises on purpose.

    TalkwrightError           a sentence for the person at the keyboard; exit code 2
    ├── RecipeError           the recipe, or a --set, is not what it should be
    ├── DataError             a source cannot be read or leaves nothing to learn from
    ├── EndpointError         an endpoint that the recipe names cannot be reached, or refuses
    ├── TemplateError         the chat template is missing, unusable or does not match
    ├── ModelError            a base model cannot be found, read or accepted
    ├── ArtefactError         a run or artefact is missing, unfinished or damaged
    ├── TrainError            training cannot go on (nothing to learn, loss not finite)
    ├── OutOfMemory           the memory did not suffice for something that cannot be made smaller
    └── RequestError          a chat request cannot be answered as asked (serve: HTTP 400)

Every message says what was found, where, and what to do about it.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager


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


class OutOfMemory(TalkwrightError, RuntimeError):
    """The memory ran out, and the message says in what."""


class RequestError(TalkwrightError, ValueError):
    """A chat request cannot be answered as asked.

    `param` names the offending request field and `code` is the machine-readable reason, both as
    the OpenAI API reports them; either may be None.
    """

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None):
        super().__init__(message)
        self.param = param
        self.code = code


# Torch has a class of its own for this on GPUs alone; "can't" is what it says where Linux limits a
# process, and "cannot" where the system does, as safetensors passes it on.
_SAID = ("not enough memory", "can't allocate", "cannot allocate", "out of memory", "bad_alloc")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that an allocation failed, and nobody has said yet in what."""
    if isinstance(error, TalkwrightError):
        return False
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    kinds = {kind.__name__ for kind in type(error).__mro__}  # by name: torch is not imported for this
    if "OutOfMemoryError" in kinds:
        return True
    if not kinds & {"RuntimeError", "OSError", "SafetensorError"}:
        return False
    return any(words in str(error).lower() for words in _SAID)


@contextmanager
def needs_memory(doing: str, instead: str) -> Iterator[None]:
    """Where the memory runs out in this block, raise OutOfMemory: in `doing` what, and what to do."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(f"out of memory {doing}. {instead}") from None
