"""What experts will see of a rubric that is being written, for the page on which it is."""

from django.shortcuts import render

from annotation.preview import draw
from core.access import ADMIN, form_only, project_view
from core.forms import RubricEditor


@form_only
@project_view(ADMIN)
def rubric_preview(request, project):
    """The rating form of the rubric as it stands in the editor, saved or not."""
    return render(request, "annotation/_preview.html", {"questions": draw(RubricEditor(data=request.POST))})
