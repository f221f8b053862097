"""What went wrong, as a code and a sentence a person can act on. Torch-free: classes are told by their names."""

import errno

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
OUT_OF_DISK = (
    "No space left on device",
    "Disk quota exceeded",
    "PytorchStreamWriter failed writing",
    "File too large",
)


class Failure(Exception):
    """An expected end. `code` is one of README.md's, `message` says what to do."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.message = code, message


def classify(error, errors=None):
    """The Failure that an exception amounts to; code "error" for a surprise. `errors`: class → code."""
    if isinstance(error, Failure):
        return error
    for kind, code in (errors or {}).items():
        if isinstance(error, kind):
            return Failure(code, str(error))
    words = str(error)
    if isinstance(error, OSError) and error.errno in NO_SPACE or any(text in words for text in OUT_OF_DISK):
        return Failure(
            "disk",
            "The disk is full. Free some space, then resume: what was saved before is whole. "
            f"({first_line(words)})",
        )
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or any(text in words for text in OUT_OF_MEMORY)
    ):
        return Failure(
            "oom",
            "Memory ran out. Use a smaller batch or shorter texts; in training, more gradient accumulation gives the "
            f"same steps in less memory. ({first_line(words)})",
        )
    return Failure("error", f"{type(error).__name__}: {words}"[:1000])


def first_line(words):
    return words.strip().split("\n")[0][:200]
