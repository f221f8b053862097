"""PURE. Texts that people type or bring: how they are kept, and when two of them are the same.

Kept is what was given, with LF as the only line end. Recognized is a form for comparing alone: what nobody can see
does not tell two texts apart. Folded is the form in which a search finds one text in another.
"""

import re
import unicodedata

LINE_END = re.compile(r"\r\n?")
ANY_LINE_END = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
# Blanks that look like the ordinary one, as word processors and web pages put them.
BLANK = re.compile("[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
# Each run of blanks is looked at once, however long it is and wherever it ends.
BLANKS_BEFORE_A_LINE_END = re.compile(r"(?<![ \t])[ \t]++(?=\n)")
# Control characters, and Unicode's default ignorable ones: soft hyphen, zero-width space and joiners, byte order mark,
# bidi marks, variation selectors, fillers, tags. Persian, Indic scripts and emoji mean something by joiners: dropped
# here they make two readings of one word the same text, which is on the safe side for telling splits apart. The tags
# behind a black flag are no such case: they alone say whose flag it is.
INVISIBLE = re.compile(
    "(\U0001f3f4[\U000e0030-\U000e007a]+\U000e007f)"
    "|[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# What chat templates of common models write around the turns.
CONTROL_TOKEN = re.compile(
    r"<\|[\w ]{1,40}\|>|<｜[^｜\s]{1,40}｜>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>"
)

MARKS = [
    chr(code)
    for code in range(0x300, 0x20000)
    if unicodedata.combining(unicodedata.normalize("NFD", chr(code))[0])
]
# Normalizing sorts the marks on a letter in time that grows with their square. No language sets more than thirty
# (Unicode's "stream-safe" texts have no more either).
ANY_MARK = re.compile(f"[{''.join(MARKS)}]")
TOO_MANY_MARKS = re.compile(f"{ANY_MARK.pattern}{{31}}")


# Marks that make another letter of one, and no accent: nukta, the voicing of kana, virama.
LETTERS_OF_THEIR_OWN = (7, 8, 9)
# Letters whose stroke Unicode does not take apart, and signs as printers set them and keyboards lack them.
PLAINER = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "ـ": ""}
    | dict.fromkeys("‘’‚‛ʼ′", "'")
    | dict.fromkeys("“”„‟", '"')
    | dict.fromkeys("‐–—−", "-")
    | {"⁄": "/"}
)


def tidy(text):
    """`text` as it is kept: every line end one LF, else as it came; "" where there is nothing in it to see."""
    if is_blank(text):
        return ""
    return LINE_END.sub("\n", text) if "\r" in text else text


def isolated(name):
    """A name for the midst of a sentence: one that runs from the right takes nothing around it along."""
    if any(unicodedata.bidirectional(character) in ("R", "AL") for character in name):
        return f"\u2068{name}\u2069"
    return name


def is_blank(text):
    """Whether there is nothing in `text` to see."""
    begin = text.lstrip()[:1]
    # Nearly every text begins with a plain letter, which settles it.
    return not (begin.isascii() and begin.isalnum()) and not recognized(text)


def recognized(text):
    """The form in which two texts are compared.

    The same whatever the line ends, the Unicode form (NFC), invisible characters, the kind of blank, blanks at the
    ends of lines and around the whole. A text with more than thirty marks on a letter keeps its Unicode form.
    """
    text = INVISIBLE.sub(lambda found: found[1] or "", text)
    if not TOO_MANY_MARKS.search(text):
        text = unicodedata.normalize("NFC", text)
    text = BLANK.sub(" ", ANY_LINE_END.sub("\n", text))
    return BLANKS_BEFORE_A_LINE_END.sub("", text).strip()


def folded(text):
    """The form in which a search compares: without case and accents, in every script; each run of blanks is one.

    Quotes and dashes are those of the keyboard. Vowels and harakat that stand as marks above or below
    letters go too, as people search without them.
    """
    if not text.isascii():
        text = INVISIBLE.sub(lambda found: found[1] or "", text)
        if TOO_MANY_MARKS.search(text):
            text = ANY_MARK.sub("", text)
        apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        kept = (each for each in apart if not _is_accent(each))
        text = unicodedata.normalize("NFC", "".join(kept)).translate(PLAINER)
    return " ".join(text.casefold().split())


def _is_accent(character):
    kind = unicodedata.combining(character)
    return kind and kind not in LETTERS_OF_THEIR_OWN


def is_storable(text):
    """Whether a database can hold `text`: neither NUL nor half of a surrogate pair, which JSON may spell."""
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def control_tokens(text):
    """The marks of chat templates that `text` spells, such as "<|im_end|>", each once, in order."""
    return list(dict.fromkeys(CONTROL_TOKEN.findall(text)))
