"""The page of a training set, and its file."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from arbitration.panel import rests_on_simulation
from core.access import ADMIN, project_view
from training.dataset import read_lines_of
from training.lineage import describe_examples
from training.lines import trl_line_of
from training.models import TrainingSet
from training.sources import rests_on

EXAMPLES_PAGE = 20


@require_GET
@project_view(ADMIN)
def training_set_page(request, project, pk):
    """The examples of a training set, each with who vouches for it and the models that learned it."""
    training_set = _training_set(project, pk)
    page = Paginator(training_set.examples.order_by("position"), EXAMPLES_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "training_set": training_set,
        "counts": training_set.count_by_split(),
        "page_obj": page,
        "examples": describe_examples(page.object_list),
        "runs": training_set.runs.select_related("model_version"),
        "withdrawn": _withdrawn(training_set),
        "simulated": rests_on_simulation(training_set.stage),
    }
    return render(request, "training/training_set.html", context)


@require_GET
@project_view(ADMIN)
def training_set_file(request, project, pk):
    """The frozen lines, as a download whose SHA-256 is the set's; with `for=trl`, as TRL's trainers read them."""
    training_set = _training_set(project, pk)
    lines = read_lines_of(training_set)
    for_trl = request.GET.get("for") == "trl"
    name = f"{project.slug}-{training_set.sha256[:12]}{'-trl' * for_trl}.jsonl"
    return HttpResponse(
        b"".join(map(trl_line_of, lines) if for_trl else lines),
        content_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _withdrawn(training_set):
    number = rests_on([training_set])[training_set.pk].withdrawn
    return number and ngettext(
        "It rests on %(n)s rating that was withdrawn since.",
        "It rests on %(n)s ratings that were withdrawn since.",
        number,
    ) % {"n": number}


def _training_set(project, pk):
    return get_object_or_404(TrainingSet.objects.select_related("stage"), pk=pk, stage__project=project)
