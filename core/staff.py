"""Ratings laid out on a staff: as notes on the lines of a short range, or along the ruler of a long one. Pure."""

# Notes closer than this, as a share of the ruler, stand above one another, each level so many pixels higher.
NOTE_WIDTH = 0.07
LEVEL_HEIGHT = 22


def lay_out(scores, scale, final=None):
    """What _likert.html and _dot_plot.html draw of `scores`, pairs (who, value).

    `low`, `high` and `spread` are None without scores. On a short range "lines" has one entry a point, from the lowest:
    {"value", "column", "look", "final", "notes"}, and the span begins in "column" and is "columns" wide. On a long one
    "marks" has one entry a rating: {"value", "x", "y", "look", "who", "mark"}; the ruler is "height" pixels high; "x"
    and "width" are the span's, "final_x" and "final_y" the consensus'. x and widths are in per cent of the ruler, y is
    in pixels from its top. `final` is the consensus, drawn on the line it is nearest to.
    """
    scores = list(scores or ())
    values = [value for _, value in scores]
    low, high = (min(values), max(values)) if values else (None, None)
    found = {"low": low, "high": high, "spread": high - low if values else None, "final": final}
    if scale.has_steps:
        return found | _on_lines(scores, scale, low, high, final)
    return found | _on_ruler(scores, scale, low, high, final)


def _on_lines(scores, scale, low, high, final):
    lines = [
        {"value": point, "column": column, "look": scale.look(point), "final": False, "notes": []}
        for column, point in enumerate(scale.points, start=1)
    ]
    for who, value in scores:
        lines[value - scale.lowest]["notes"].append({"who": who, "mark": _mark(who)})
    if final is not None:
        nearest = int(min(max(final, scale.lowest), scale.highest) - scale.lowest + 0.5)
        lines[nearest]["final"] = True
    span = {"column": low - scale.lowest + 1, "columns": high - low + 1} if scores else {}
    return {"lines": lines, "steps": len(lines), **span}


def _on_ruler(scores, scale, low, high, final):
    marks, ends = [], []
    for who, value in sorted(scores, key=lambda score: score[1]):
        place = scale.place(value)
        level = next((at for at, end in enumerate(ends) if place >= end), len(ends))
        ends[level : level + 1] = [place + NOTE_WIDTH]
        look = scale.look(value)
        marks.append(
            {
                "value": value,
                "x": _percent(place),
                "y": level,
                "look": look,
                "who": who,
                "mark": _mark(who),
            }
        )
    height = LEVEL_HEIGHT * max(len(ends), 1)
    lowest_y = height - LEVEL_HEIGHT // 2
    for mark in marks:
        mark["y"] = lowest_y - LEVEL_HEIGHT * mark["y"]
    found = {"marks": marks, "height": height}
    if scores:
        found |= {"x": _percent(scale.place(low)), "width": _percent(scale.place(high) - scale.place(low))}
    if final is not None:
        found |= {"final_x": _percent(scale.place(final)), "final_y": lowest_y}
    return found


def _percent(share):
    return f"{100 * share:.2f}%"


def _mark(who):
    """One or two characters that stand for a person on a note: "Expert B" → "B", "ines.moreau" → "in"."""
    words = str(who).split()
    return words[-1] if len(words) > 1 and len(words[-1]) <= 2 else str(who)[:2]
