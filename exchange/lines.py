"""Bytes into lines of text, a block at a time: UTF-8, any line ends, nothing else. No database."""

import re
from collections.abc import Iterator

BLOCK = 256 * 1024
LONGEST_LINE = 16_000_000  # bytes; far more than any text that is taken, and little to hold

# How files begin that are no text in UTF-8, whatever their name says.
BEGINNINGS = {
    b"\xff\xfe\x00\x00": "in UTF-32: save it as UTF-8",
    b"\x00\x00\xfe\xff": "in UTF-32: save it as UTF-8",
    b"\xff\xfe": "in UTF-16 (Excel's “Unicode text”): save it as UTF-8 (“CSV UTF-8” in Excel)",
    b"\xfe\xff": "in UTF-16: save it as UTF-8",
    b"\x1f\x8b": "compressed with gzip: unpack it first",
    b"BZh": "compressed with bzip2: unpack it first",
    b"\xfd7zXZ\x00": "compressed with xz: unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it first",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: save it as CSV in UTF-8",
    b"%PDF-": "a PDF: bring its texts as CSV or JSONL in UTF-8",
    b"PK\x03\x04": "a ZIP archive or an Excel workbook: save it as CSV in UTF-8",
    b"SQLite format 3\x00": "a database: export it as CSV in UTF-8",
    b"PAR1": "in Parquet: write it as JSONL",
}
MARK = b"\xef\xbb\xbf"
# Western languages have an accent here and there; other encodings spell words of such bytes.
NOT_WINDOWS_1252 = re.compile(rb"[\x80-\xff]{3}|[\x00-\x08\x0e-\x1f\x7f\x81\x8d\x8f\x90\x9d]")


class Unreadable(Exception):
    """What ends the reading of a file: nothing after it can be trusted. `line` counts from 1."""

    def __init__(self, line, fault):
        super().__init__(fault)
        self.line, self.fault = line, fault


def lines_of(file) -> Iterator[tuple[int, str]]:
    """(number from 1, text with its line end) for each line of a binary file; CRLF, LF and CR all end one.

    The byte order mark is taken off. At most a block and one line are held. Raises Unreadable.
    """
    for line, raw in enumerate(_split(file), start=1):
        try:
            yield line, raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unreadable(line, _not_utf8(raw, error.start)) from None


def _split(file):
    rest = file.read(BLOCK)
    _refuse_other_formats(rest)
    rest, line = rest.removeprefix(MARK), 1
    while block := file.read(BLOCK):
        if rest.endswith(b"\n"):
            whole, rest = rest.splitlines(keepends=True), b""
        else:
            # The last one is not whole yet; ending in CR, it may go on with LF.
            *whole, rest = rest.splitlines(keepends=True) or [b""]
        yield from whole
        line += len(whole)
        if len(rest) > LONGEST_LINE:
            raise Unreadable(line, f"is longer than {LONGEST_LINE:,} bytes. Is this one record a line?")
        rest += block
    yield from rest.splitlines(keepends=True)


def _refuse_other_formats(begin):
    for beginning, what in BEGINNINGS.items():
        if begin.startswith(beginning):
            raise Unreadable(1, f"the file is {what}.")
    # UTF-16 without a mark: every other byte of plain English is NUL.
    if len(begin) >= 4 and (not any(begin[:64:2]) or not any(begin[1:64:2])):
        raise Unreadable(1, "the file is in UTF-16: save it as UTF-8.")


def _not_utf8(raw, place):
    what = f"byte {place + 1} (0x{raw[place]:02X}) is not UTF-8. Save the file as UTF-8"
    if NOT_WINDOWS_1252.search(raw):
        return f"{what} (“CSV UTF-8” in Excel)."
    return f"{what} (“CSV UTF-8” in Excel); it looks like Windows-1252."
