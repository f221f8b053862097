"""Whatever a project, an axis or a person is called: no figure, page, report, export or file name breaks."""

import html
import json
from io import StringIO
from xml.etree import ElementTree

import pytest
from django.core.management import call_command
from django.urls import reverse

from core.projects import add_member, create_project
from core.rubrics import AxisSpec, LabelSetSpec, LabelValueSpec, RubricSpec
from tests.factories.core import NOW, make_user
from tests.factories.evaluation import ALIGNED, MISALIGNED, make_labeled_stage, score_stage

pytestmark = pytest.mark.django_db
NAMES = [
    r"a\1 \g<0> C:\new",
    "<b>&amp; \"q\" 'r' %s {0} {{ 7 }}",
    "$& $1 $p*q$ | `x`",
    "🐟 安全 ‮x",
    "x" * 200,
]


@pytest.mark.parametrize("name", NAMES)
def test_breaks_nothing(client, name):
    short = name[:80]
    values = (LabelValueSpec("good", short), LabelValueSpec("bad", f"{short[:70]} no", adverse=True))
    rubric = RubricSpec(
        axes=(AxisSpec("safety", short, f"How {name}?", ((1, name), (5, "well"))),),
        label_sets=(LabelSetSpec("verdict", short, name, values),),
    )
    admin = make_user(first_name=name[:150], is_staff=True)
    project = create_project(name=name, by=admin, now=NOW, guidelines=name, rubric=rubric)
    rater = make_user(last_name=name[:150])
    add_member(project=project, user=rater, role="expert", by=admin, now=NOW)
    for scores in ([MISALIGNED, ALIGNED] * 4, [ALIGNED] * 8):
        score_stage(make_labeled_stage(project, scores, raters=[rater]), [0.4] * 8)
    project.model_versions.update(location=name)
    project.model_versions.filter(name="base").update(name=name)
    client.force_login(admin)

    def at(page, *args):
        answer = client.get(reverse(page, args=[project.slug, *args]))
        assert answer.status_code == 200, page
        return answer

    pages = [at("project-detail"), at("project-setup"), at("training:models"), at("stage-detail", 0)]
    pages += [at("annotation:stage-panel", 0), at("evaluation:report"), at("evaluation:figure")]
    for page in pages[:2]:
        assert html.escape(name) in page.text
    figure = at("evaluation:figure-file", "score-safety")
    assert short in ElementTree.fromstring(figure.content).attrib["aria-label"]
    assert json.loads(at("evaluation:report-json").content)["project"] == name
    export = at("evaluation:export")
    rows = [json.loads(line) for line in b"".join(export.streaming_content).splitlines()]
    assert len(rows) == 16 and {row["model"] for row in rows} == {name, "stage-1"}
    for file in (figure, export):
        assert (
            file.headers["Content-Disposition"].isascii() and "\\" not in file.headers["Content-Disposition"]
        )
    told = StringIO()
    call_command("report", project=project.slug, stdout=told)
    assert name in told.getvalue()
