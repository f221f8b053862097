"""Token ids as the pieces of text that a person can read."""

TORN = "\ufffd"
"""What a tokenizer gives for a character whose bytes are not all there."""


def pieces_of(tokenizer, ids):
    """The text of every token, in order; together they are the whole. The bytes of one character may be several
    tokens: it stands with the last of them."""
    pieces, given, start = [], "", 0
    for end in range(1, len(ids) + 1):
        text = tokenizer.decode(ids[start:end])
        if text.endswith(TORN) and end < len(ids) and end - start < 8:
            pieces.append("")
            continue
        pieces.append(text[len(given) :])
        # A window of two tokens keeps what a decoder does between neighbours, such as blanks, and costs no more.
        start, given = end - 1, tokenizer.decode(ids[end - 1 : end])
    return pieces
