"""PURE. What ratings cost in time."""

import math


def hours(ratings, seconds_each):
    """The hours that so many ratings take; None where no pace is known."""
    return None if seconds_each is None else math.ceil(ratings * seconds_each / 360) / 10
