"""PURE. The colours of drawn figures, and how they take on the page's own."""

INK, RULE = "#4b434a", "#221c21"
BEFORE, LATEST = "#35759f", "#7a2a5f"
BETWEEN = ["#b5651d", "#1d6350", "#5b3f94", "#6e6670"]
THEMED = {
    INK: "currentColor",
    RULE: "var(--ink)",
    BEFORE: "var(--likert-4)",
    LATEST: "var(--accent)",
    BETWEEN[0]: "var(--likert-2)",
    BETWEEN[1]: "var(--green)",
    BETWEEN[2]: "var(--purple)",
    BETWEEN[3]: "var(--likert-3)",
}


def themed(svg):
    """The drawing in the page's own colours, for use inline."""
    for colour, variable in THEMED.items():
        svg = svg.replace(f'"{colour}"', f'"{variable}"')
    return svg
