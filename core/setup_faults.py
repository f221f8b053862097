"""What is wrong with a rubric and policy that were sent, each fault with the field that mends it."""

from dataclasses import dataclass

from core.forms import in_order


@dataclass(frozen=True)
class ToMend:
    """A fault in words; `field`: the id of what mends it on the page, "" where that is the form as a whole."""

    text: str
    field: str = ""


def faults_of(editor, told=()):
    """The faults of a core.forms.RubricEditor as a list of ToMend, in the order of the page.

    `told`: those that the rules found in a form whose parts are valid, as sentences. Such a one leads to the axis or
    label set whose name it quotes.
    """
    axes, label_sets = in_order(editor.axes), in_order(editor.label_sets)
    named = [*axes, *label_sets]
    found = [ToMend(text, _quoted(text, named)) for text in told]
    if not editor.is_sent:
        return found
    found += [ToMend(text) for text in editor.problems]
    found += [*_of_form(editor.policy, ""), *_of_form(editor.gate, "")]
    for number, form in enumerate(axes, start=1):
        found += _of_form(form, f"Axis {number}")
    for number, form in enumerate(label_sets, start=1):
        found += _of_form(form, f"Label set {number}")
        for place, value in enumerate(in_order(form.values), start=1):
            found += _of_form(value, f"Label set {number}, value {place}")
    return found


def _of_form(form, where):
    for name, errors in form.errors.items():
        # What is wrong with a row as a whole is mended from its name on.
        bound = form[name] if name in form.fields else form["name"] if "name" in form.fields else None
        about = ", ".join(filter(None, [where, str(bound.label) if name in form.fields else ""]))
        for error in errors:
            yield ToMend(f"{about}: {error}" if about else error, bound.id_for_label if bound else "")


def _quoted(text, forms):
    for form in forms:
        name = form["name"].value()
        if name and f"“{name}”" in text:
            return form["name"].id_for_label
    return ""
