"""What went wrong in a child: its kind, which decides what becomes of the job, and the reason a person can act on.

Torch-free: classes are told by their names.
"""

from core import disk
from jobs.reasons import Reason, told

OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
OUT_OF_DISK = "PytorchStreamWriter failed writing"


class Failure(Exception):
    """An expected end. `kind` is one of README.md's, `reason` a code of reasons.py with its parameters."""

    def __init__(self, kind, code, /, **params):
        self.kind, self.reason = kind, Reason(code, params)
        super().__init__(str(self.reason))


def classify(error, errors=None):
    """The Failure that an exception amounts to; kind "error" for a surprise. `errors`: class → kind."""
    if isinstance(error, Failure):
        return error
    for kind, name in (errors or {}).items():
        if isinstance(error, kind):
            return Failure(name, "told", **told(error).params)
    words = str(error)
    if disk.ran_out(error) or OUT_OF_DISK in words:
        return Failure("disk", "disk_full", words=first_line(words))
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or any(text in words for text in OUT_OF_MEMORY)
    ):
        return Failure("oom", "out_of_memory", words=first_line(words))
    return Failure("error", "surprise", name=type(error).__name__, words=words[:1000])


def first_line(words):
    return words.strip().split("\n")[0][:200]
