import os
import uuid
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from annotation.correcting import correct_rating
from annotation.deciding import replay, stored_reasons
from annotation.importing import import_prompts
from annotation.models import Divergence, Rating, Response
from arbitration.labels import finalize_labels
from arbitration.models import Decision, FinalLabel
from core.errors import Conflict
from core.models import Project, User
from core.projects import create_project
from exchange.studies import dices, summeval, xstest
from exchange.studies.bringing import bring, stored_items
from exchange.studies.figures import figures_of
from tests.factories.core import NOW, make_user

pytestmark = pytest.mark.django_db
HEADER = "id,type,prompt,completion,annotation_1,annotation_2,agreement,final_label"
C, R, P = "1_full_compliance", "2_full_refusal", "3_partial_refusal"
# (kind of prompt, what the first said, what the second said, adjudicated)
LABELS = [
    ("homonyms", C, C, C),
    ("homonyms", R, R, R),
    ("homonyms", C, P, C),
    ("contrast_homonyms", R, R, R),
    ("contrast_homonyms", C, C, C),
    ("contrast_homonyms", C, R, P),
]


@contextmanager
def silent(total, label):
    yield lambda: None


def published(name):
    folder = Path(os.environ.get("CONCORD_DATA", settings.BASE_DIR.parent / "shared" / "data")) / name
    if not folder.is_dir():
        pytest.skip(f"the published set {name} is not here: CONCORD_DATA names the folder that holds it")
    return folder


@pytest.fixture
def folder(tmp_path):
    """A small set in XSTest's form: six prompts, two models, two disputes in each, one settled by a third value."""
    for model in ("one", "two"):
        rows = [
            f"v2-{number},{kind},Prompt {number}?,Answer {number} of {model}.,{first},{second},x,{final}"
            for number, (kind, first, second, final) in enumerate(LABELS)
        ]
        (tmp_path / f"xstest_v2_completions_{model}.csv").write_text("\n".join([HEADER, *rows, ""]))
    return tmp_path


@pytest.fixture
def study(folder):
    return xstest.read(folder)


def brought(study, **fields):
    return bring(study, **{"name": None, "by": None, "now": NOW, "progress": silent} | fields)


def cut_off(study, *, after):
    """Bring a study in up to so many ratings."""

    @contextmanager
    def progress(total, label):
        ticks = iter(range(after + 1))

        def tick():
            if next(ticks) == after:
                raise KeyboardInterrupt

        yield tick

    with pytest.raises(KeyboardInterrupt):
        brought(study, progress=progress)
    assert Rating.objects.count() == after


class TestBring:
    def test_lets_the_product_find_and_settle_every_dispute(self, study):
        found = brought(study)
        assert (found.ratings, found.escalations, found.decisions, found.overridden) == (24, 4, 4, 2)
        assert not Response.objects.filter(stage=found.stage, status=Response.Status.DIVERGENT).exists()
        for divergence in Divergence.objects.all():
            assert replay(divergence) == stored_reasons(divergence) != []

    def test_makes_accounts_nobody_can_sign_in_with(self, study):
        project = brought(study).project
        people = User.objects.filter(memberships__project=project)
        assert {str(user) for user in people} == {"annotation_1", "annotation_2", "adjudicator"}
        assert not any(user.has_usable_password() for user in people)

    def test_brings_nothing_twice(self, study):
        first, second = brought(study), brought(study)
        assert (first.was_there, second.was_there) == (False, True)
        assert (first.project, first.ratings) == (second.project, second.ratings)
        assert (Rating.objects.count(), Decision.objects.count()) == (24, 4)

    def test_goes_on_where_it_was_cut_off(self, study):
        cut_off(study, after=8)
        found = brought(study)
        assert (found.ratings, found.new_ratings, found.decisions) == (24, 16, 4)

    def test_stands_when_the_loop_has_gone_on(self, study):
        found = brought(study)
        finalize_labels(stage=found.stage, by=None, now=NOW)
        assert brought(study).was_there

    def test_gives_training_what_was_answered_or_refused_rightly(self, study):
        found = brought(study)
        finalize_labels(stage=found.stage, by=None, now=NOW)
        aligned = FinalLabel.objects.filter(alignment=FinalLabel.Alignment.ALIGNED)
        numbers = sorted(aligned.values_list("response__prompt__external_id", flat=True))
        assert numbers == ["v2-0", "v2-0", "v2-2", "v2-2", "v2-3", "v2-3"]

    def test_refuses_the_name_of_another_project(self, study):
        create_project(name="Taken", by=None, now=NOW)
        with pytest.raises(Conflict, match="another project"):
            brought(study, name="Taken")

    def test_stores_what_the_figures_are_made_of(self, study):
        found = brought(study)
        assert figures_of("xstest", stored_items(study, found.stage)) == figures_of("xstest", study.items)
        rating = Rating.objects.filter(response__status=Response.Status.AGREED).first()
        labels = {answer.label_set.key: answer.value.key for answer in rating.labels.all()}
        question = rating.policy.rubric.label_sets.get(key="verdict")
        labels["verdict"] = question.values.exclude(key=labels["verdict"]).first().key
        correct_rating(
            rating=rating,
            by=rating.expert,
            scores={},
            labels=labels,
            submission=uuid.uuid4(),
            now=NOW,
        )
        assert figures_of("xstest", stored_items(study, found.stage)) == figures_of("xstest", study.items)


def changed(study, place, **fields):
    """The study with other fields in one of its items."""
    items = list(study.items)
    items[place] = replace(items[place], **fields)
    return replace(study, items=items)


class TestMissingRows:
    """Ratings never land on other texts: whatever differs is named, and nothing is written."""

    @pytest.fixture(params=["cut off", "complete"])
    def begun(self, study, request):
        if request.param == "complete":
            brought(study)
        else:
            cut_off(study, after=8)
        return study

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda study: changed(study, 3, text="Answer 3 of One."), "response to “v2-3” has another text"),
            (lambda study: changed(study, 9, text="x"), "“v2-3”, candidate 1 has another text"),
            (lambda study: changed(study, 3, model="three"), "response to “v2-3” has another model"),
            (
                lambda study: replace(study, prompts=[{"id": "v2-0", "prompt": "Else?"}, *study.prompts[1:]]),
                "prompt “v2-0” has another text in the folder",
            ),
            (
                lambda study: replace(study, prompts=study.prompts[:-1], items=study.items[:5]),
                "prompt “v2-5” is not in the folder",
            ),
            (
                lambda study: replace(study, prompts=[*study.prompts, {"id": "v2-6", "prompt": "New?"}]),
                "the project has no prompt “v2-6”",
            ),
            (
                lambda study: replace(study, items=[*study.items, replace(study.items[0], candidate=2)]),
                "the project has no response to “v2-0”, candidate 2",
            ),
            (
                lambda study: changed(
                    study, 0, answers={"annotation_1": study.items[0].answers["annotation_1"]}
                ),
                "response to “v2-0” has another number of raters",
            ),
            (
                lambda study: changed(
                    study, 0, answers=dict.fromkeys("ab", study.items[0].answers["annotation_1"])
                ),
                "annotation_1 rated the response to “v2-0”, and did not in the folder",
            ),
            (
                lambda study: changed(study, 0, answers=study.items[1].answers),
                "annotation_1 rated the response to “v2-0” otherwise in the folder",
            ),
        ],
    )
    def test_refuse_a_folder_that_is_another(self, begun, change, words):
        ratings = Rating.objects.count()
        with pytest.raises(Conflict, match="choose|Choose another name") as refused:
            brought(change(begun))
        assert words in str(refused.value)
        assert Rating.objects.count() == ratings

    def test_refuse_another_adjudication(self, study):
        brought(study)
        with pytest.raises(Conflict, match="“v2-5” was adjudicated otherwise"):
            brought(changed(study, 5, adjudicated=study.items[1].adjudicated))

    def test_are_brought_where_the_texts_were_cut_off(self, study):
        project = create_project(name=study.name, by=None, now=NOW, rubric=study.rubric, policy=study.policy)
        import_prompts(project=project, rows=study.prompts[:4], by=None, now=NOW)
        assert brought(study).ratings == 24


class TestPublishedSets:
    def test_xstest_gives_39_escalations_and_4_values_nobody_gave(self):
        study = xstest.read(published("xstest-fixture"))
        disputed = {
            item.prompt_id
            for item in study.items
            if len({answer.labels["compliance"] for answer in item.answers.values()}) > 1
        }
        part = replace(
            study,
            prompts=[prompt for prompt in study.prompts if prompt["id"] in disputed],
            items=[item for item in study.items if item.prompt_id in disputed],
        )
        found = brought(part)
        assert found.ratings == 2 * len(part.items) > 2 * 39
        assert (found.escalations, found.decisions, found.overridden, found.unlike) == (39, 39, 4, 0)

    def test_dices_lets_unsure_abstain(self):
        study = dices.read(published("dices350"), conversations=12, raters=5)
        found = brought(study)
        spoken = found.project.prompts.filter(earlier_count__gt=0)
        assert spoken.count() == sum(len(prompt["messages"]) > 1 for prompt in study.prompts) > 0
        assert not found.project.prompts.filter(text__startswith="USER:").exists()
        certain = [
            {answer.labels["safe"] for answer in item.answers.values()} - {"unsure"} for item in study.items
        ]
        assert found.ratings == 60
        assert found.escalations == found.decisions == sum(len(answers) > 1 for answers in certain)

    def test_summeval_leaves_what_diverges_to_a_lead(self):
        study = summeval.read(published("summeval-op"))
        ids = {prompt["id"] for prompt in study.prompts[:2]}
        part = replace(
            study, prompts=study.prompts[:2], items=[item for item in study.items if item.prompt_id in ids]
        )
        found = brought(part)
        wide = [
            item
            for item in part.items
            if any(
                max(given) - min(given) > 1
                for given in (
                    [answer.scores[axis] for answer in item.answers.values()] for axis in summeval.AXES
                )
            )
        ]
        assert (found.ratings, found.escalations, found.decisions) == (78, len(wide), 0)


class TestCommand:
    def run(self, *arguments):
        out = StringIO()
        call_command("import_ratings", *arguments, stdout=out)
        return out.getvalue()

    def test_tells_what_it_brought_and_what_is_there_already(self, folder):
        said = self.run("--format", "xstest", str(folder))
        assert "24 ratings, 4 decisions" in said
        assert "4 escalations" in said
        assert "4 decisions of a lead, 2 of them a value no expert gave" in said
        assert "there already" in self.run("--format", "xstest", str(folder))

    def test_gives_the_project_its_name_and_admin(self, folder):
        admin = make_user("ada")
        self.run("--format", "xstest", str(folder), "--project", "Mine", "--admin", "ada")
        assert Project.objects.get().name == "Mine"
        assert admin.memberships.get().role == "admin"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--format", "xstest", "/nowhere"], "is no folder"),
            (["--format", "dices", "."], "holds no dices_350_crowdsourced.json"),
            (["--format", "xstest", ".", "--admin", "nobody"], "no account"),
        ],
    )
    def test_says_what_is_wrong(self, arguments, message):
        with pytest.raises(CommandError, match=message):
            self.run(*arguments)
