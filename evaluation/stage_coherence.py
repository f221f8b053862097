"""Where a stage's coherence stands, and what a person can do about it."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Avg, Count, Exists, OuterRef, Q

from annotation.models import Response
from core.errors import Conflict
from core.models import Stage
from evaluation.models import CoherenceScore, PromptEmbedding, ScoringRun
from jobs import life
from jobs.models import Job
from jobs.queries import attempts_of

RESUMABLE = Job.TERMINAL - {Job.Status.SUCCEEDED}


@dataclass(frozen=True)
class StageCoherence:
    """`run` is the stage's latest scoring run, None before the first; `summary` (see `summarize`) is None until it
    SUCCEEDED."""

    stage: Stage
    run: ScoringRun | None
    summary: dict | None

    @property
    def attempts(self):
        """Who worked on the run, the newest first."""
        return attempts_of(self.run)

    @property
    def can_resume(self):
        return self.run is not None and self.run.status in RESUMABLE


def stage_coherence(stage):
    """The state of a stage's coherence."""
    run = _latest_run(stage)
    done = run is not None and run.status == Job.Status.SUCCEEDED
    return StageCoherence(stage, run, run.summary if done else None)


@transaction.atomic
def resume_scoring(*, stage, by, now):
    """Queue the stage's ended scoring run again; it goes on from the cosines it has stored."""
    run = _latest_run(stage)
    if run is None or run.status not in RESUMABLE:
        raise Conflict("There is nothing to resume: reload to see where coherence stands.")
    return life.resume(run, by=by, now=now)


def cancel_scoring(*, stage, by, now):
    """Stop the stage's scoring run; stored cosines stay. Twice is the same as once."""
    run = _latest_run(stage)
    if run is None:
        raise Conflict("There is nothing to cancel: coherence has not begun.")
    return life.request_cancel(run, by=by, now=now)


def _latest_run(stage):
    return ScoringRun.objects.filter(stage=stage).order_by("-id").first()


def summarize(stage, encoder):
    """The cosines of a stage over all splits, as numbers: n, mean, share at or above γ, refusals apart, and how
    many texts the encoder read by their beginning alone."""
    numbers = CoherenceScore.objects.filter(response__stage=stage, encoder=encoder).aggregate(
        n=Count("id"),
        mean=Avg("cosine"),
        coherent=Count("id", filter=Q(cosine__gte=stage.policy.gamma)),
        refusals=Count("id", filter=Q(is_refusal=True)),
        mean_of_refusals=Avg("cosine", filter=Q(is_refusal=True)),
        mean_of_others=Avg("cosine", filter=Q(is_refusal=False)),
        truncated_responses=Count("id", filter=Q(is_truncated=True)),
    )
    answered = Response.objects.filter(stage=stage, prompt=OuterRef("prompt"))
    prompts = PromptEmbedding.objects.filter(Exists(answered), encoder=encoder, is_truncated=True)
    return numbers | {
        "truncated_prompts": prompts.count(),
        "share": numbers["coherent"] / numbers["n"] if numbers["n"] else None,
    }
