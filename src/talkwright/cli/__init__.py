"""The command line: read arguments, call one function of the pipeline, print.

In: what was typed. Out: results on standard output, narration and errors on standard error, and an
exit code: 0 done, 2 something to put right (one sentence says what), 130 interrupted, 143 terminated.
Nothing but click is imported before a command runs, so `talkwright --help` is instant. `make.py` has
the commands that make a run, `look.py` those that show one, `talk.py` those that talk to its model.
"""

from __future__ import annotations

import errno
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import click

from talkwright import __version__
from talkwright.cli import look, make, talk
from talkwright.cli.augment import augment
from talkwright.cli.datasets import diff, ledger
from talkwright.cli.doctor import doctor
from talkwright.cli.options import Commands, program
from talkwright.cli.plan import plan
from talkwright.errors import TalkwrightError, is_out_of_memory

__all__ = ["app", "main"]

# What the system says when a file cannot be written or read, as a sentence with a way out.
SYSTEM_PROBLEMS = {
    errno.ENOSPC: "the disk is full. Free some space and type the same command again",
    errno.EDQUOT: "your disk quota is used up. Free some space and type the same command again",
    errno.EACCES: "permission denied. Change its permissions, or name another place",
    errno.EPERM: "the system does not permit it. Name another place",
    errno.EROFS: "the file system is read-only. Name another place",
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "a part of this path is a file, not a folder",
    errno.EEXIST: "there is already something of this name. Name another place",
    errno.EISDIR: "this is a folder, not a file",
    errno.ENAMETOOLONG: "the name is too long for this file system",
    errno.EFBIG: "the file would be larger than is allowed here (`ulimit -f`, or the file system)",
    errno.EMFILE: "too many open files. Raise the limit (`ulimit -n`)",
    errno.ENOMEM: "the memory ran out. Close other programs, or raise the limit (`ulimit -v`)",
    errno.EIO: "the disk reports an error. Look after it before going on",
}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="talkwright")
def app() -> None:
    """Turn raw conversations into a fine-tuned, evaluated, served chatbot.

    \b
    A recipe can be as short as one line:
        data: my_chats.jsonl
    and then:
        talkwright run recipe.yaml     train, evaluate, write the report
        talkwright chat                talk to the newest run
        talkwright serve               the same in the browser, and as an API
    """


for inner in (doctor, ledger, diff, augment):
    look.data.add_command(inner)
for command in (
    make.run,
    look.data,
    look.show,
    make.check,
    plan,
    make.train,
    make.evaluate,
    make.compare,
    make.report,
    make.merge,
    talk.chat,
    talk.serve,
    look.runs,
):
    app.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit. Every foreseeable failure is a sentence and an exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = _not_lost
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a letter shows '?'
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int:
    context: click.Context | None = None
    try:
        with app.make_context("talkwright", list(arguments)) as context:
            app.invoke(context)
            sys.stdout.flush()
        return 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        return 0
    except click.ClickException as error:
        place: click.Context | None = getattr(error, "ctx", None)
        return _fail(error.format_message() + (f" See `{place.command_path} --help`." if place else ""))
    except TalkwrightError as error:
        return _fail(str(error))
    except (KeyboardInterrupt, EOFError, click.Abort):
        return _stopped("Interrupted", arguments, 130)
    except SystemExit as end:
        if end.code != 128 + signal.SIGTERM:
            raise
        return _stopped("Terminated", arguments, 128 + signal.SIGTERM)
    except BrokenPipeError:
        # Whoever read the output has enough of it. The exit's own flush would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (MemoryError, RuntimeError) as error:  # Arrow's is one, too, and torch has none of its own
        if not is_out_of_memory(error):
            raise
        return _fail(
            "the memory ran out, not in training, which would have taken smaller passes. Close other "
            "programs, raise the limit (`ulimit -v`), or give less data at a time."
        )
    except OSError as error:
        if error.errno not in SYSTEM_PROBLEMS:
            raise
        path = error.filename or (context.obj if context else None) or "this command's files"
        return _fail(f"{path}: {SYSTEM_PROBLEMS[error.errno]}.")


def _fail(message: str) -> int:
    print(f"talkwright: {message}", file=sys.stderr)
    return 2


def _stopped(how: str, arguments: Sequence[str], code: int) -> int:
    hint = ""
    if arguments and (arguments[0] in ("run", "train", "evaluate") or "augment" in arguments[1:2]):
        hint = f" What was finished is kept; to go on: {program()} {shlex.join(arguments)}"
    print(f"\ntalkwright: {how}.{hint}", file=sys.stderr)
    return code


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _not_lost(swallowed: sys.UnraisableHookArgs) -> None:
    """Send a signal again that came while an object was being removed, where Python passes over what it
    raises. A little later and not from here, where it would be passed over, too."""
    lost = {SystemExit: signal.SIGTERM, KeyboardInterrupt: signal.SIGINT}.get(swallowed.exc_type)
    if lost is None:
        sys.__unraisablehook__(swallowed)
    else:
        from threading import Timer

        Timer(0.05, os.kill, (os.getpid(), lost)).start()
