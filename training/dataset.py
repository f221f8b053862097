"""The training set of a stage: which final labels are learned from, in which order, and their hash."""

import hashlib
import json
from dataclasses import dataclass, field

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Case, Count, OuterRef, Q, Subquery, Sum, When
from django.db.models.functions import Coalesce, Length

from annotation.models import Prompt, PromptMessage, Response, load_earlier
from arbitration.models import FinalLabel
from core import audit
from core.errors import Conflict, InvalidInput
from core.locks import lock_stage
from core.models import Stage
from jobs.models import Job
from training.drawing import LEARNED_FROM, draw, learnable_labels
from training.lines import line_of
from training.models import ExampleMessage, TrainingExample, TrainingRun, TrainingSet
from training.recipes import Recipe
from training.sources import note_sources

Kind = TrainingExample.Kind
TRAIN, VALIDATION = Prompt.Split.TRAIN, Prompt.Split.VALIDATION
SFT_RECIPE = Recipe()
CHARACTERS_PER_TOKEN = 4.5
"""English prose under SmolLM2's tokenizer: the 240 texts of the demo's prompts and references, measured."""
TEMPLATE_TOKENS = 32
"""What SmolLM2's chat template adds to an example, its own system prompt with it."""
TOKENS_PER_SECOND = 110.0
"""Trained tokens a second of SmolLM2-135M on two CPU cores, until a run of the project has been measured."""
BATCH = 500


@dataclass
class TrainingPreview:
    """What a run on this stage would learn from.

    `tokens` is what one epoch reads, estimated. Of the `as_is`, `cut_off` break off at the token limit. `left_out`
    counts the other final labels by why. `measured`: `tokens_per_second` comes from runs of the project.
    """

    as_is: int = 0
    cut_off: int = 0
    revised: int = 0
    validation: int = 0
    tokens: int = 0
    tokens_per_second: float = TOKENS_PER_SECOND
    measured: bool = False
    left_out: dict = field(default_factory=dict)

    @property
    def examples(self):
        return self.as_is + self.revised

    @property
    def basis(self):
        """In a few words, what the expected duration rests on."""
        return "as the last run went" if self.measured else "on two CPU cores"

    def seconds(self, epochs):
        """The expected duration of that many epochs, without the loading of the model."""
        return self.tokens * epochs / self.tokens_per_second


def preview_training_set(stage):
    """Count what freezing the stage's final labels would give; writes nothing and reads no text."""
    preview = TrainingPreview()
    rows = (
        learnable_labels(stage)
        .annotate(
            characters=Length("response__prompt__text")
            + Length(Case(When(revision__isnull=False, then="revision__text"), default="response__text"))
            + Coalesce(Length("response__sampling__system_prompt"), 0)
            + Case(When(response__prompt__earlier_count__gt=0, then=_earlier_characters()), default=0),
            revised=Case(When(revision__isnull=False, then=True), default=False),
        )
        .order_by()
        .values_list("response__prompt__split", "revised")
        .annotate(
            Count("pk"),
            Sum("characters"),
            cut_off=Count("pk", filter=Q(response__finish_reason=Response.CUT_OFF)),
        )
    )
    characters = 0
    for split, revised, count, its_characters, cut_off in rows:
        if split == VALIDATION:
            preview.validation += count
            continue
        characters += its_characters
        if revised:
            preview.revised += count
        else:
            preview.as_is += count
            preview.cut_off += cut_off
    preview.tokens = round(characters / CHARACTERS_PER_TOKEN + TEMPLATE_TOKENS * preview.examples)
    measured = _measured_rate(stage.project_id)
    preview.measured = measured is not None
    preview.tokens_per_second = measured or TOKENS_PER_SECOND
    preview.left_out = _left_out(stage)
    return preview


def _earlier_characters():
    """How many characters stand before the question of a label's prompt, which has some."""
    messages = PromptMessage.objects.filter(prompt=OuterRef("response__prompt")).order_by()
    return Subquery(messages.values("prompt").annotate(sum=Sum(Length("text"))).values("sum"))


def _measured_rate(project):
    """Trained tokens a second in the project's latest successful run, or None."""
    runs = TrainingRun.objects.filter(
        stage__project=project,
        status=Job.Status.SUCCEEDED,
        training_set__kind=TrainingSet.Kind.ANSWERS,
        tokens__gt=0,
        seconds__gt=0,
    )
    run = runs.order_by("-finished_at").first()
    return run and run.tokens * run.epochs / run.seconds


def _left_out(stage):
    """Why final labels are not learned from: {reason: count}."""
    Alignment, in_use = FinalLabel.Alignment, Q(response__prompt__set_aside__isnull=True)
    learned_from = Q(response__prompt__split__in=LEARNED_FROM)
    offered = learned_from & in_use
    unjudged = Q(alignment=Alignment.NOT_JUDGED, revision__isnull=True)
    found = FinalLabel.objects.filter(response__stage=stage).aggregate(
        every=Count("pk"),
        held_out=Count("pk", filter=~learned_from),
        set_aside=Count("pk", filter=learned_from & ~in_use),
        excluded=Count("pk", filter=offered & Q(alignment=Alignment.EXCLUDED)),
        not_judged=Count("pk", filter=offered & unjudged),
    )
    counts = {
        "to held-out prompts": found["held_out"],
        "to prompts that were set aside": found["set_aside"],
        "excluded by a lead": found["excluded"],
        "not judged": found["not_judged"],
    }
    rest = found["every"] - sum(counts.values()) - learnable_labels(stage).count()
    counts["neither fully aligned nor revised"] = rest
    return {reason: count for reason, count in counts.items() if count}


def lines_to_learn(stage, recipe=SFT_RECIPE):
    """The canonical lines, as bytes, that freezing the stage's training set would give now; writes nothing."""
    return [line_of(example, earlier) for example, earlier in draw(stage, recipe)]


@transaction.atomic
def freeze_training_set(*, stage, by, now, recipe=SFT_RECIPE):
    """Write down what a run on this stage learns from, once and for all. Returns the TrainingSet.

    Train-split prompts give the examples, validation prompts the validation loss; held-out prompts and those that are
    set aside by now give nothing. Freezing again by the same recipe gives the same row, as final labels never change.
    Raises Conflict before the labels are final, InvalidInput where there is nothing to learn from.
    """
    stage = lock_stage(stage)
    if not stage.is_turn:
        raise Conflict(f"{stage} trains nothing: models learn from the turns of the loop alone.")
    if stage.status not in Stage.FINAL:
        raise Conflict(f"The labels of {stage} are not final yet: finalize them first.")
    examples = draw(stage, recipe)
    check_enough(examples, recipe)
    trained = sum(example.split == TRAIN for example, _ in examples)
    content = b"".join(line_of(example, earlier) for example, earlier in examples)
    sha256 = hashlib.sha256(content).hexdigest()
    training_set, created = TrainingSet.objects.get_or_create(
        stage=stage,
        sha256=sha256,
        defaults={
            "stage_kind": stage.kind,
            "kind": recipe.kind,
            "recipe": recipe.as_row(),
            "created_by": by,
            "created_at": now,
        },
    )
    if created:
        for example, _ in examples:
            example.training_set = training_set
        TrainingExample.objects.bulk_create((example for example, _ in examples), batch_size=BATCH)
        ExampleMessage.objects.bulk_create(
            (each for _, earlier in examples for each in earlier), batch_size=BATCH
        )
        note_sources(training_set)
        counts = {"train": trained, "validation": len(examples) - trained}
        params = {"sha256": sha256, **counts, **recipe.as_row()}
        audit.record("trainingset:freeze", training_set, by=by, now=now, params=params)
    if not default_storage.exists(file_of(training_set)):
        default_storage.save(file_of(training_set), ContentFile(content))
    return training_set


def check_enough(examples, recipe):
    """Raise InvalidInput, saying what to do, where there is nothing to learn from."""
    kinds = {example.kind for example, _ in examples if example.split == TRAIN}
    if recipe.kind == TrainingSet.Kind.PAIRS and not kinds:
        raise InvalidInput(
            "There is no pair to learn from: no two responses to a train prompt differ enough, and no revision of one "
            "was accepted. Choose a smaller least difference, several candidates a prompt, or another objective."
        )
    if recipe.kind == TrainingSet.Kind.JUDGED and len(kinds) < 2:
        missing = "misaligned" if Kind.GOOD in kinds else "fully aligned or revised"
        raise InvalidInput(
            f"There is nothing to tell good answers from poor ones by: no response to a train prompt is {missing}. "
            "Choose another objective, or go on once there are some."
        )
    if not kinds:
        raise InvalidInput(
            "There is nothing to learn from: no response to a train prompt is fully aligned, and no revision of one "
            "was accepted. Have experts write revised responses in the next stage, or import more train prompts."
        )


def file_of(training_set):
    """The name of the set's file in the storage; equal content has one file."""
    return f"training-sets/{training_set.sha256}.jsonl"


def read_lines_of(training_set):
    """The set's canonical lines as bytes, from the file, or from the rows where it is missing.

    Raises Conflict where neither gives the hash that was frozen: somebody changed what was learned.
    """
    content = b""
    if default_storage.exists(file_of(training_set)):
        with default_storage.open(file_of(training_set)) as file:
            content = file.read()
    if hashlib.sha256(content).hexdigest() != training_set.sha256:
        examples = list(
            training_set.examples.select_related(
                "final_label__response__prompt",
                "final_label__response__stage",
                "rejected_label__response__stage",
                "axis",
            )
        )
        load_earlier(examples)
        content = b"".join(map(line_of, examples))
    if hashlib.sha256(content).hexdigest() != training_set.sha256:
        raise Conflict(
            f"{training_set} no longer has the content it was frozen with: restore its rows or its file from a backup."
        )
    return content.splitlines(keepends=True)


def split_lines(training_set):
    """(train lines, validation lines) as bytes: exactly the frozen lines, each once."""
    lines = {TRAIN: [], VALIDATION: []}
    for line in read_lines_of(training_set):
        lines[json.loads(line)["split"]].append(line)
    return b"".join(lines[TRAIN]), b"".join(lines[VALIDATION])
