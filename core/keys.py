"""PURE. Keys of what people name: the address of a project, the keys of axes, label sets and labels.

A key is made once, when the name is first given, and stays whatever the name becomes. Where the name is plain Latin
words, they are its key; any other name gets a made one, such as "label-2": what is left of 安全 or +1 in ASCII says
nothing, or something else.
"""

import re
import unicodedata

from core.texts import recognized

# Words of Latin letters and digits with what may stand between them. A hyphen that only one side has, a + or a #
# belongs to what the name says (-1, C++, C#).
PLAIN = re.compile(r"[a-z0-9(\"“][a-z0-9\s_.,:;!?()'’\"“”/&–—-]*")
HYPHEN_ALONE = re.compile(r"(?:^|\s)-(?=\S)|(?<=\S)-(?:\s|$)")
WORD = re.compile(r"[a-z0-9]+")


def same_name(name):
    """The form in which two names are compared: whatever their case, Unicode form, blanks and invisible characters."""
    return " ".join(unicodedata.normalize("NFC", recognized(name).casefold()).split())


def person_key(name):
    """The form in which user names and e-mail addresses are compared: full-width letters are plain ones."""
    return same_name(unicodedata.normalize("NFKC", name))


def plain_key(name, longest):
    """The words of `name` as a key of at most so many characters; "" where they do not say what the name does."""
    letters = "".join(
        each for each in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(each)
    )
    letters = re.sub("['’]", "", letters).strip()
    if not PLAIN.fullmatch(letters) or HYPHEN_ALONE.search(letters):
        return ""
    return "-".join(WORD.findall(letters))[:longest].rstrip("-")


def new_key(name, taken, *, kind, longest):
    """A key for `name` that is not in `taken`; `kind` begins a made one: "label" gives "label-1", "label-2"…"""
    plain = plain_key(name, longest)
    if plain and plain not in taken:
        return plain
    begin, number = (plain, 2) if plain else (kind, 1)
    while (key := f"{begin[: longest - len(str(number)) - 1]}-{number}") in taken:
        number += 1
    return key


class Keys:
    """Hands out the keys of one kind of named thing, such as the values of one label set.

    `known`: {key: name} of all that ever had one here. Whoever comes back under such a name gets that key again.
    """

    def __init__(self, known, *, kind, longest=40):
        self.known, self.kind, self.longest = known, kind, longest
        self.given = set()

    def keep(self, key):
        """`key` stays with what has it."""
        self.given.add(key)
        return key

    def give(self, name):
        """The key of something new, or of something that comes back."""
        wanted = same_name(name)
        former = (key for key, known in self.known.items() if same_name(known) == wanted)
        key = next((key for key in former if key not in self.given), None)
        return self.keep(
            key or new_key(name, self.given | set(self.known), kind=self.kind, longest=self.longest)
        )
