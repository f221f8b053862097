"""PURE. The script that a text is written in, to tell answers in another one than their question's.

Languages that share a script are not told apart: no rule of a few lines does that well on short texts.
"""

import unicodedata
from collections import Counter

LOOKED_AT = 2_000  # characters of a text
FEWEST_LETTERS = 8
# Japanese and Chinese mix these.
ONE_OF_MANY = {"HIRAGANA": "CJK", "KATAKANA": "CJK"}


def main_script(text):
    """The script of most letters of a text's beginning, as Unicode names it ("LATIN", "CJK"); None of few letters."""
    letters = Counter(each for each in text[:LOOKED_AT] if each.isalpha())
    scripts = Counter()
    for letter, times in letters.items():
        script = unicodedata.name(letter, "").partition(" ")[0]
        scripts[ONE_OF_MANY.get(script, script)] += times
    if not scripts or scripts.total() < FEWEST_LETTERS:
        return None
    return scripts.most_common(1)[0][0]


def in_another_script(question, answer):
    """Whether an answer is written in another script than its question; False where either has too few letters."""
    scripts = {main_script(question), main_script(answer)}
    return None not in scripts and len(scripts) == 2
