"""The rating form of a rubric that is being written: what is in the editor, drawn by the templates that experts see."""

from types import SimpleNamespace

from annotation.forms import RatingForm, render_questions
from core.forms import in_order
from core.scales import Scale


class _Rows(list):
    """Stands where a stored rubric has rows."""

    def all(self):
        return self


def draw(editor):
    """The axes and label sets of a core.forms.RubricEditor as HTML, in their order. What has no name yet, or a range
    that is none, is left out; nothing is stored."""
    editor.is_valid()
    axes = _Rows(filter(None, (_axis(form) for form in _in_order(editor.axes))))
    label_sets = _Rows(filter(None, (_label_set(form) for form in _in_order(editor.label_sets))))
    rubric = SimpleNamespace(axes=axes, label_sets=label_sets)
    return render_questions(RatingForm(SimpleNamespace(rubric=rubric))) if axes or label_sets else ""


def _in_order(rows):
    """The rows that are not marked to be removed, by their places."""
    return [form for form in in_order(rows) if not form.cleaned_data.get("DELETE")]


def _axis(form):
    given = form.cleaned_data
    scale = form.scale
    if not given.get("name") or scale.width <= 0:
        return None
    return SimpleNamespace(
        key=form.prefix,
        name=given["name"],
        question=given.get("question", ""),
        lowest=scale.lowest,
        highest=scale.highest,
        scale=Scale(scale.lowest, scale.highest),
        anchors=[(score, given.get(f"anchor_{score}", "")) for score in scale.anchored],
    )


def _label_set(form):
    given = form.cleaned_data
    if not given.get("name"):
        return None
    return SimpleNamespace(
        key=form.prefix,
        name=given["name"],
        question=given.get("question", ""),
        required=given.get("required", False),
        values=_Rows(
            SimpleNamespace(key=value.prefix, name=name, adverse=value.cleaned_data.get("adverse", False))
            for value in _in_order(form.values)
            if (name := value.cleaned_data.get("name"))
        ),
    )
