"""Where the quotes of a CSV record went wrong. csv itself names the line on which it noticed."""

import re


def fault_of_quotes(lines, separator):
    """(line, sentence) for the lines of a record, [(number, text)], that csv could not read or did not find the end of.

    The line is the one on which the quote was opened; (first line, None) where no quote is at fault.
    """
    state, opened = "begin", lines[0][0]
    for number, text in lines:
        for place, letter in enumerate(text):
            if state == "quoted":
                state = "closing" if letter == '"' else state
            elif state == "closing":
                if letter == '"':
                    state = "quoted"
                elif letter == separator or letter in "\r\n":
                    state = "begin"
                else:
                    return opened, _closed_too_early(opened, number, text[place : place + 20].strip())
            elif letter == separator:
                state = "begin"
            elif state == "begin" and letter == '"':
                state, opened = "quoted", number
            else:
                state = "plain"
    if state == "quoted":
        return opened, "a quote is opened here and never closed: close it. Nothing after it was read."
    return lines[0][0], None


def fault_of_blanks(lines, separator):
    """(line, sentence) where a quote stands behind a blank, so that csv took it for a part of the text; else None."""
    stray = re.compile(f'{re.escape(separator)} +"(?=[^"\r\n{re.escape(separator)}])')
    for number, text in lines:
        if '"' in text and stray.search(text):
            return number, (
                "there is a blank between a separator and a quote, which counts as a quote only directly behind the "
                "separator. Take the blank out. Nothing after it was read."
            )
    return None


def _closed_too_early(opened, closed, follows):
    where = "" if opened == closed else f" that is opened here is closed on line {closed}, where it"
    return (
        f"a quoted text{where} is followed by “{follows}”. Close the quote where the text ends, and write a quote "
        'inside a text twice (""). Nothing after it was read.'
    )
