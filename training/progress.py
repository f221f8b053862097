"""How far jobs have come, for the pages: counts, the time that is left, and loss curves. Reads only."""

from dataclasses import dataclass

from django.db.models import Exists, Max, OuterRef, Subquery
from django.utils.translation import gettext_lazy as _

from annotation.models import Prompt, Response, Unanswered
from annotation.responses import prompts_without_response
from jobs.models import Job, JobAttempt
from training.models import RunMeasure

UNANSWERED_SHOWN = 10
RECENT = 64
"""How many of the newest responses the pace is taken from: an interruption long ago does not count."""
OTHERS = {
    "learning_rate": _("Learning rate"),
    "grad_norm": _("Gradient norm"),
    "tokens_per_second": _("Tokens a second"),
}
"""What is measured of an optimizer step beside its loss."""
MOST_POINTS = 300
"""Points read and drawn of a curve; of a longer one evenly chosen steps, its ends among them."""


@dataclass(frozen=True)
class Progress:
    """`seconds_left` is None while there is no pace to tell it from."""

    done: int
    total: int
    seconds_left: float | None = None

    @property
    def words_left(self):
        return "" if self.seconds_left is None else f"about {duration(self.seconds_left)} left"


def duration(seconds):
    """A duration as people say it: "40 s", "12 min", "3 h 20 min"."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def generation_progress(stage):
    """How many of the project's prompts the stage has answered. Those that its model cannot answer are not to come."""
    total = Prompt.objects.in_use().filter(project=stage.project_id).count()
    left = prompts_without_response(stage).count()
    done = total - left - _unanswered(stage).count()
    newest = list(
        Response.objects.filter(stage=stage).order_by("-id").values_list("created_at", flat=True)[:RECENT]
    )
    return Progress(done, total, _left(newest[::-1], left))


def _left(times, steps_left):
    """Seconds for `steps_left` more at the pace of the ascending `times`.

    Times come in bunches (batches have one): the first bunch only says when the clock started.
    """
    after = [time for time in times if time > times[0]]
    if not steps_left or not after:
        return None
    return steps_left * (times[-1] - times[0]).total_seconds() / len(after)


def training_progress(run):
    """How many optimizer steps of the run are done, and the time left at the pace of the attempt that is at work."""
    steps = run.measures.filter(kind=RunMeasure.Kind.TRAIN).order_by("-step")
    attempt = JobAttempt.objects.filter(
        job_type=run._meta.model_name, job_id=run.pk, number=run.attempt
    ).values("began_at")
    newest = list(
        steps.annotate(attempt_began=Subquery(attempt[:1])).values_list(
            "step", "created_at", "attempt_began"
        )[:RECENT]
    )
    total = run.total_steps or 0
    if not newest:
        return Progress(0, total)
    done = newest[0][0]
    times = [at for _, at, began in newest[::-1] if began is None or at >= began]
    return Progress(min(done, total), total, _left(times, total - done))


def progress_of_runs(runs):
    """{primary key: Progress} of several runs: in one statement, but for the pace of those that are running now."""
    steps = RunMeasure.objects.filter(run__in=runs, kind=RunMeasure.Kind.TRAIN).order_by()
    done = dict(steps.values_list("run").annotate(Max("step")))
    return {
        run.pk: training_progress(run)
        if run.status == Job.Status.RUNNING
        else Progress(min(done.get(run.pk, 0), run.total_steps or 0), run.total_steps or 0)
        for run in runs
    }


def sight(run):
    """What a page that shows the run can see of it, as a short text: the same text, nothing new."""
    newest = [
        run.measures.filter(kind=kind).order_by("-step").values_list("step", flat=True).first()
        for kind in RunMeasure.Kind
    ]
    return "-".join(map(str, [run.status, run.attempt, int(run.cancel_requested_at is not None), *newest]))


@dataclass(frozen=True)
class Curves:
    """What was measured of a run, for `line_chart`.

    `losses`: [(name, [(step, loss), …])], the training curve first; `others`: for each of OTHERS that was measured a
    list of one such curve.
    """

    losses: list
    others: list


def curves(run):
    """The run's Curves."""
    losses, rows = [], []
    for kind in RunMeasure.Kind:
        measures = run.measures.filter(kind=kind).order_by("step")
        last = measures.reverse().values_list("step", flat=True).first() or 0
        if last > MOST_POINTS:
            measures = measures.filter(step__in=evenly(last))
        found = list(measures.values_list("step", "loss", *OTHERS))
        losses.append((kind.label, [(step, loss) for step, loss, *_ in found]))
        rows = rows or found
    others = [
        [(name, [(row[0], row[place]) for row in rows if row[place] is not None])]
        for place, name in enumerate(OTHERS.values(), start=2)
    ]
    return Curves(losses, [series for series in others if series[0][1]])


def evenly(last, most=MOST_POINTS):
    """At most `most` of the steps from 1 to `last`, evenly chosen, both ends among them, and step 0."""
    return [0, *(1 + round(place * (last - 1) / (most - 1)) for place in range(most))]


def validation_change(run):
    """(validation loss before training, after it); None for what was not measured."""
    losses = list(
        run.measures.filter(kind=RunMeasure.Kind.VALIDATION).order_by("step").values_list("step", "loss")
    )
    before = losses[0][1] if losses and losses[0][0] == 0 else None
    return before, losses[-1][1] if losses and losses[-1][0] else None


def is_live(*jobs):
    """Whether any of the jobs (or None) is still to change."""
    return any(job is not None and job.status in Job.ACTIVE for job in jobs)


@dataclass(frozen=True)
class Kept:
    """Which epoch's weights a run's model has, and why. `loss`: its validation loss, None where nothing was measured.

    `last` and `before`: the losses at the end and before any training, where they were measured.
    """

    epoch: int
    epochs: int
    loss: float | None = None
    last: float | None = None
    before: float | None = None

    @property
    def others(self):
        """The losses to hold it against, as (when, loss)."""
        last = None if self.epoch == self.epochs else self.last
        losses = (("before training", self.before), ("after the last", last))
        return [(when, loss) for when, loss in losses if loss is not None]

    @property
    def has_not_helped(self):
        """Whether the model had a lower validation loss before it was trained."""
        return self.loss is not None and self.before is not None and self.before < self.loss


@dataclass(frozen=True)
class Epoch:
    """What stood at the end of an epoch, 0 being before training: its validation loss, and how much lower that is than
    the one before (None where there is none to compare with)."""

    number: int
    loss: float
    gained: float | None
    is_kept: bool


def epochs(run, losses):
    """The run's Epochs. `losses`: its validation curve, as `curves` has it."""
    found, before = [], None
    for step, loss in losses:
        number = round(step * run.epochs / run.total_steps) if run.total_steps else 0
        gained = None if before is None else before - loss
        found.append(Epoch(number, loss, gained, is_kept=bool(step) and step == run.kept_step))
        before = loss
    return found


def kept(run):
    """What of a run was Kept; None before it has made a model, and for runs from before that was noted."""
    if run.model_version_id is None or not run.kept_step:
        return None
    losses = dict(run.measures.filter(kind=RunMeasure.Kind.VALIDATION).values_list("step", "loss"))
    epoch = round(run.kept_step * run.epochs / run.total_steps)
    last, before = losses.get(run.total_steps), losses.get(0)
    return Kept(epoch, run.epochs, loss=losses.get(run.kept_step), last=last, before=before)


def unanswered(stage):
    """The prompts that the stage's model could not answer: `count`, and the `first` of them, as Unanswered rows."""
    found = _unanswered(stage)
    rows = list(found.select_related("prompt")[: UNANSWERED_SHOWN + 1])
    count = len(rows) if len(rows) <= UNANSWERED_SHOWN else found.count()
    return {"count": count, "first": rows[:UNANSWERED_SHOWN]}


def _unanswered(stage):
    """The marks that still say something: of prompts in use that got no response since."""
    answered = Response.objects.filter(stage=stage, prompt=OuterRef("prompt"))
    return Unanswered.objects.filter(~Exists(answered), stage=stage, prompt__set_aside__isnull=True)
