"""What the report reads from the database: sums and counts per prompt and bare numbers, never the texts.

Where a stage holds responses of several model versions, as comparisons do, `model_version` asks for those of one.
"""

import numpy as np
from django.db.models import Count, Exists, OuterRef, Q, Sum

from annotation.answers import score_rows
from annotation.models import Assignment, Prompt, Response, Unanswered
from arbitration.models import FinalLabel
from evaluation.models import CoherenceScore, PromptEmbedding
from evaluation.per_prompt import PerPrompt

HELD_OUT = Prompt.Split.HELD_OUT
BLANK = r"^\s*$"


def scores_by_axis(stage, model_version=None):
    """{axis key: PerPrompt} of the final scores of held-out prompts. Excluded responses have none."""
    rows = (
        score_rows(FinalLabel)
        .filter(**_held_out(stage, model_version, "owner__response__"))
        .values_list("axis__key", "owner__response__prompt")
        .annotate(Sum("value"), Count("id"))
    )
    by_axis = {}
    for key, *row in rows:
        by_axis.setdefault(key, []).append(row)
    return {key: PerPrompt.of(rows) for key, rows in by_axis.items()}


def alignment(stage, model_version=None):
    """{class: PerPrompt of its share} of held-out prompts, over the responses that were judged; and how many were not
    judged, and how many excluded."""
    classes = [
        FinalLabel.Alignment.ALIGNED,
        FinalLabel.Alignment.PARTLY,
        FinalLabel.Alignment.MISALIGNED,
    ]
    rows = list(
        FinalLabel.objects.filter(**_held_out(stage, model_version, "response__"))
        .order_by()
        .values_list("response__prompt")
        .annotate(
            labeled=Count("id", filter=Q(alignment__in=classes)),
            not_judged=Count("id", filter=Q(alignment=FinalLabel.Alignment.NOT_JUDGED)),
            excluded=Count("id", filter=Q(alignment=FinalLabel.Alignment.EXCLUDED)),
            **{f"of_{each}": Count("id", filter=Q(alignment=each)) for each in classes},
        )
    )
    shares = {
        str(each): PerPrompt.of((row[0], row[4 + place], row[1]) for row in rows)
        for place, each in enumerate(classes)
    }
    return shares, sum(row[2] for row in rows), sum(row[3] for row in rows)


def cosines(stage, encoder, model_version=None):
    """(prompts, cosines, refusals): three arrays, one entry for each scored response to a held-out prompt."""
    rows = CoherenceScore.objects.filter(**_held_out(stage, model_version, "response__"))
    rows = (
        rows.filter(encoder=encoder)
        .order_by("response")
        .values_list("response__prompt", "cosine", "is_refusal")
    )
    table = np.array(list(rows), dtype=float).reshape(-1, 3)
    return table[:, 0].astype(np.int64), table[:, 1], table[:, 2].astype(bool)


def refusals_by_tag(stage, encoder, model_version=None):
    """{tag: PerPrompt of the share of answers that decline} over the held-out prompts of each tag."""
    rows = (
        CoherenceScore.objects.filter(**_held_out(stage, model_version, "response__"), encoder=encoder)
        .filter(response__prompt__tags__isnull=False)
        .order_by()
        .values_list("response__prompt__tags__name", "response__prompt")
        .annotate(refused=Count("id", filter=Q(is_refusal=True)), number=Count("id"))
    )
    by_tag = {}
    for tag, *row in rows:
        by_tag.setdefault(tag, []).append(row)
    return {tag: PerPrompt.of(by_tag[tag]) for tag in sorted(by_tag)}


def held_out_responses(stage, model_version=None):
    """The stage's held-out responses, counted: {"responses", "prompts", "cut_off", "empty"}."""
    return Response.objects.filter(**_held_out(stage, model_version)).aggregate(
        responses=Count("id"),
        prompts=Count("prompt", distinct=True),
        cut_off=Count("id", filter=Q(finish_reason=Response.CUT_OFF)),
        empty=Count("id", filter=Q(text__regex=BLANK)),
    )


def cut_off_shares(stage, model_version=None):
    """PerPrompt of the share of answers to held-out prompts that reached their token limit."""
    rows = Response.objects.filter(**_held_out(stage, model_version)).order_by().values_list("prompt")
    return PerPrompt.of(
        rows.annotate(cut_off=Count("id", filter=Q(finish_reason=Response.CUT_OFF)), number=Count("id"))
    )


def seen_by_encoder(stage, encoder, model_version=None):
    """What scoring saw of the stage's held-out responses, counted: {"echoes", "other_script", "truncated_responses",
    "truncated_prompts"}; the last three are 0 as far as nobody looked."""
    answered = Response.objects.filter(**_held_out(stage, model_version), prompt=OuterRef("prompt"))
    prompts = PromptEmbedding.objects.filter(Exists(answered), encoder=encoder, prompt__split=HELD_OUT)
    scores = CoherenceScore.objects.filter(**_held_out(stage, model_version, "response__"))
    return scores.filter(encoder=encoder).aggregate(
        echoes=Count("id", filter=Q(cosine__gte=CoherenceScore.ECHO)),
        other_script=Count("id", filter=Q(other_script=True)),
        truncated_responses=Count("id", filter=Q(is_truncated=True)),
    ) | {"truncated_prompts": prompts.filter(is_truncated=True).count()}


def set_aside(stage, model_version=None):
    """(held-out responses that were set aside, the reasons for that, the oldest first)."""
    held_out = _held_out(stage, model_version)
    aside = Response.objects.filter(**held_out, status=Response.Status.SET_ASIDE).order_by("set_aside")
    rows = list(aside.values_list("set_aside", "set_aside__reason").annotate(Count("pk")))
    return sum(n for *_, n in rows), list(dict.fromkeys(reason for _, reason, _ in rows))


def unanswered(stage):
    """How many held-out prompts the stage's model could not answer."""
    answered = Response.objects.filter(stage=stage, prompt=OuterRef("prompt"))
    found = Unanswered.objects.filter(~Exists(answered), stage=stage, prompt__split=HELD_OUT)
    return found.count()


def escalations(stage):
    """PerPrompt of the share of responses that diverged, over the whole stage, without those that were set aside."""
    counted = Response.objects.filter(stage=stage).exclude(status=Response.Status.SET_ASIDE).order_by()
    rows = counted.values_list("prompt").annotate(
        diverged=Count("divergences", filter=Q(divergences__superseded_at=None)),
        number=Count("id", distinct=True),
    )
    return PerPrompt.of(rows)


def raters(stage):
    """{primary key: whether simulated} of those who rated in the stage."""
    rated = Assignment.objects.filter(stage=stage, status=Assignment.Status.SUBMITTED)
    return dict(rated.order_by().values_list("expert", "expert__is_simulated").distinct())


def _held_out(stage, model_version, response=""):
    """The conditions for a stage's held-out responses, of one model version or all; `response` leads to them.

    Anchors are rated again to tell how the panel has moved, and are no figure of their model.
    """
    found = {f"{response}stage": stage, f"{response}prompt__split": HELD_OUT, f"{response}is_anchor": False}
    return found if model_version is None else found | {f"{response}model_version": model_version}
