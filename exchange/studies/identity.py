"""Whether a project holds what a folder holds: every conversation, response, model, rater and answer.

Asked before an import goes on or says that all is there already, so that no rating ever stands on a text that it was
not given for.
"""

from itertools import islice

from annotation.answers import with_answers
from annotation.importing.row_models import PromptRow
from annotation.importing.typed import typed_rows
from annotation.models import Prompt, Rating, Response, load_earlier
from annotation.rows import Faults, quoted
from arbitration.models import Decision
from core.errors import Conflict
from core.models import Stage
from core.texts import tidy
from exchange.studies.study import Answer, Study

SHOWN = 5
LEAD = "adjudicator"


def account_name(name, project):
    """The user name of a person of a study in a project."""
    return f"{name}@{project.slug}"


def answer_of(owner):
    """The Answer that a rating or decision holds, of those that with_answers gives."""
    return Answer(
        scores={score.axis.key: score.value for score in owner.scores.all()},
        labels={label.label_set.key: label.value.key for label in owner.labels.all()},
    )


def missing_rows(study: Study, project, stage):
    """(prompts, items) of the study that `project` does not have yet; `stage` is its first, or None.

    Raises Conflict, naming what differs, where the project holds anything else than the study, or lacks something of
    it although its ratings have begun.
    """
    wanted = _prompts_of(study)
    prompts = _Compared(wanted, _stored_prompts(project))
    responses = _Compared(_responses_of(study), _stored_responses(stage))
    differences = [*prompts.tell("prompt"), *responses.tell("response to")]
    if stage is not None and stage.status != Stage.Status.RESPONDING:
        differences += [f"the project has no {what}" for what in prompts.told(prompts.missing, "prompt")]
        differences += [
            f"the project has no {what}" for what in responses.told(responses.missing, "response to")
        ]
    if not differences and stage is not None:
        differences = list(islice(_other_answers(study, project, stage), SHOWN + 1))
    if differences:
        more = "; and more" if len(differences) > SHOWN else ""
        raise Conflict(
            f"“{project}” does not hold what this folder holds, so nothing was brought in: "
            f"{'; '.join(differences[:SHOWN])}{more}. Choose another name with --project, or the folder that the "
            "project was made from."
        )
    return (
        [row for row, key in zip(study.prompts, wanted, strict=True) if key in prompts.missing],
        [item for item in study.items if item.key in responses.missing],
    )


class _Compared:
    """{key: {what: value}} of a folder beside the same of a project."""

    def __init__(self, wanted, stored):
        self.wanted, self.stored = wanted, stored
        self.missing = wanted.keys() - stored.keys()

    def tell(self, kind):
        """What the project has and the folder has not, or otherwise, a phrase each."""
        for what in self.told(self.stored.keys() - self.wanted.keys(), kind):
            yield f"{what} is not in the folder"
        for key, stored in self.stored.items():
            wanted = self.wanted.get(key, stored)
            for what, value in stored.items():
                if wanted[what] != value:
                    (name,) = self.told([key], kind)
                    yield f"{name} has another {what} in the folder"

    def told(self, keys, kind):
        for key in sorted(keys):
            # A response's key is its prompt's id and which candidate it is.
            prompt, nth = key if isinstance(key, tuple) else (key, 0)
            yield f"{kind} {quoted(prompt)}{f', candidate {nth}' if nth else ''}"


def _prompts_of(study):
    faults = Faults()
    rows = list(typed_rows(PromptRow, study.prompts, faults))
    faults.raise_any()
    return {row.id: {"text": list(row.conversation)} for _, row in rows}


def _stored_prompts(project):
    prompts = list(Prompt.objects.filter(project=project))
    load_earlier(prompts)
    return {prompt.external_id: {"text": prompt.conversation} for prompt in prompts}


def _responses_of(study):
    return {
        item.key: {
            "model": item.model,
            "text": tidy(item.text),
            "number of raters": len(item.answers) or None,
        }
        for item in study.items
    }


def _stored_responses(stage):
    rows = Response.objects.filter(stage=stage).values_list(
        "prompt__external_id", "candidate", "model_version__name", "text", "ratings_needed"
    )
    return {
        (prompt, candidate): {"model": model, "text": text, "number of raters": k}
        for prompt, candidate, model, text, k in rows
    }


def _other_answers(study, project, stage):
    """What the study's people said in the project and not in the folder, a phrase each."""
    items = {item.key: item for item in study.items}
    ratings = Rating.objects.filter(response__stage=stage, supersedes=None)
    for rating in with_answers(ratings.select_related("expert", "response__prompt")):
        name, of_study, _ = rating.expert.username.partition(f"@{project.slug}")
        item = items[rating.response.prompt.external_id, rating.response.candidate]
        if of_study and name not in item.answers:
            yield f"{name} rated the response to {quoted(item.prompt_id)}, and did not in the folder"
        elif of_study and item.answers[name] != answer_of(rating):
            yield f"{name} rated the response to {quoted(item.prompt_id)} otherwise in the folder"
    decisions = Decision.objects.filter(
        case__response__stage=stage, lead__username=account_name(LEAD, project)
    )
    for decision in with_answers(decisions.select_related("case__response__prompt")):
        response = decision.case.response
        item = items[response.prompt.external_id, response.candidate]
        if item.adjudicated != answer_of(decision):
            yield f"the response to {quoted(item.prompt_id)} was adjudicated otherwise in the folder"
