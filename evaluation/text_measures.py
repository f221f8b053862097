"""PURE. What can be said of a text without anybody who reads it: how much of it repeats, how long it is.

Words are what blanks part, in lower case. Distinct-n is that of Li et al. (NAACL 2016), of one text; the share of
repeated n-grams is rep-n of Welleck et al. (ICLR 2020), 1 − distinct-n.
"""


def words_of(text):
    """The words of a text, as they are compared: a list."""
    return text.casefold().split()


def distinct_share(text, n):
    """Distinct runs of n words among all of the text, from 0 to 1; None where it has fewer than n words."""
    words = words_of(text)
    runs = [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]
    return len(set(runs)) / len(runs) if runs else None


def repeated_share(text, n=4):
    """The share of runs of n words that stood in the text before; None where it has fewer than n words."""
    distinct = distinct_share(text, n)
    return None if distinct is None else 1 - distinct


def times_as(before, after):
    """How many times as long or as short `after` is as `before`, from 1; None where one of them is nothing."""
    return max(after / before, before / after) if before and after else None
