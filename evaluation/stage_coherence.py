"""Where a stage's coherence stands, and what a person can do about it."""

from dataclasses import dataclass

from django.core.cache import cache
from django.db import transaction
from django.db.models import Avg, Count, Q

from core import jobs
from core.errors import Conflict
from core.models import Job, Stage
from core.nudge import nudge
from evaluation.models import CoherenceScore, ScoringRun

KEPT_SECONDS = 24 * 3600
RESUMABLE = Job.TERMINAL - {Job.Status.SUCCEEDED}


@dataclass(frozen=True)
class Summary:
    """Means and shares over the scored responses of one stage, all splits. None where there is nothing to average."""

    n: int
    mean: float | None
    share: float | None
    refusals: int
    mean_of_refusals: float | None
    mean_of_others: float | None


@dataclass(frozen=True)
class StageCoherence:
    """`run` is the stage's latest scoring run, None before the first; `summary` is there once it SUCCEEDED."""

    stage: Stage
    run: ScoringRun | None
    summary: Summary | None

    @property
    def can_resume(self):
        return self.run is not None and self.run.status in RESUMABLE


def stage_coherence(stage):
    """The state of a stage's coherence."""
    run = _latest_run(stage)
    done = run is not None and run.status == Job.Status.SUCCEEDED
    return StageCoherence(stage, run, _summary(stage, run) if done else None)


@transaction.atomic
def resume_scoring(*, stage, by, now):
    """Queue the stage's ended scoring run again; it goes on from the cosines it has stored."""
    run = _latest_run(stage)
    if run is None or run.status not in RESUMABLE:
        raise Conflict("There is nothing to resume: reload to see where coherence stands.")
    jobs.resume(run, by=by, now=now)
    nudge("evaluation.run_scoring", pk=run.pk)
    return run


def cancel_scoring(*, stage, by, now):
    """Stop the stage's scoring run; stored cosines stay. Twice is the same as once."""
    run = _latest_run(stage)
    if run is None:
        raise Conflict("There is nothing to cancel: coherence has not begun.")
    return jobs.request_cancel(run, by=by, now=now)


def _latest_run(stage):
    return ScoringRun.objects.filter(stage=stage).order_by("-id").first()


def _summary(stage, run):
    """Kept by run: the cosines of a run that succeeded do not change."""
    key = f"evaluation.summary.{run.pk}.{run.finished_at.isoformat()}"
    if (kept := cache.get(key)) is not None:
        return kept
    numbers = CoherenceScore.objects.filter(response__stage=stage, encoder=run.encoder_id).aggregate(
        n=Count("id"),
        mean=Avg("cosine"),
        coherent=Count("id", filter=Q(cosine__gte=stage.policy.gamma)),
        refusals=Count("id", filter=Q(is_refusal=True)),
        mean_of_refusals=Avg("cosine", filter=Q(is_refusal=True)),
        mean_of_others=Avg("cosine", filter=Q(is_refusal=False)),
    )
    coherent = numbers.pop("coherent")
    summary = Summary(share=coherent / numbers["n"] if numbers["n"] else None, **numbers)
    cache.set(key, summary, KEPT_SECONDS)
    return summary
