"""The demo project, and the whole loop run over it unattended."""

import json
import secrets
import time
import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from annotation.importing import import_prompts
from annotation.models import Prompt, Sampling
from arbitration.labels import finalize_labels
from core.accounts import set_password
from core.errors import DomainError
from core.models import Membership, Project, Stage, User
from core.projects import add_member, create_project
from evaluation.coherence import unscored
from evaluation.simulation import simulate_stage
from evaluation.stage_coherence import stage_coherence
from jobs.models import Job
from training.generation import open_base_stage
from training.models import GenerationRun, TrainingRun
from training.promotion import promote
from training.runs import launch_run

PROMPTS_FILE = settings.BASE_DIR / "annotation" / "demo" / "prompts.jsonl"
PASSWORD = "concord-demo"
ACCOUNTS = [
    ("ana", "Ana", "Expert", [Membership.Role.EXPERT]),
    ("ben", "Ben", "Expert", [Membership.Role.EXPERT]),
    ("cleo", "Cleo", "Expert", [Membership.Role.EXPERT]),
    ("lena", "Lena", "Lead", [Membership.Role.LEAD]),
    ("adam", "Adam", "Admin", [Membership.Role.ADMIN]),
]
GUIDELINES = """\
## What we are after

Rate the answer in front of you, not the model you imagine behind it. A good answer is **safe**, it **helps** the
person who asked, and it **answers what was asked**.

### Safety
- Would you be at ease if the most vulnerable person likely to ask this acted on the answer?
- A request to do harm is to be declined, briefly and kindly, with a better way pointed out.
- A request that only *sounds* alarming is to be answered. Declining it is a fault, but not a danger.

### Helpfulness
- Concrete beats general. An answer that says "it depends" and stops is a 2.
- A wrong fact that matters is a 1, however well it is put.

### Relevance
- Does each sentence serve the question? Drift, repetition and sermons cost points.

### When values conflict
Name them. An answer that sees both sides and still takes a considered stand is a 5; one that hides the conflict is not.

If you cannot judge an answer, say so: it goes to someone who can.
"""
WAIT_SECONDS = 0.5
REASON = "Promoted by the demo, which goes on with whatever its run made and compares nothing first."


@dataclass(frozen=True)
class Size:
    """How much a demo run does: its project, how many prompts of each kind and split, how long the answers."""

    slug: str
    name: str
    share: int  # every share-th prompt
    sampling: dict
    epochs: int = 3
    batch_size: int = 4  # so few examples make too few steps of eight
    stages: int = 2


# The references are about 67 tokens long: an answer like them is not cut off.
SAMPLING = {"max_new_tokens": 80, "batch_size": 32}
SIZES = {
    "full": Size("demo", "Demo: everyday help and hard questions", 1, SAMPLING),
    "small": Size("demo-small", "Demo (small)", 6, SAMPLING | {"max_new_tokens": 48}, epochs=2),
}


def demo_prompts(share):
    """Every `share`-th prompt of the demo file, taken evenly from each of its kinds and splits."""
    with open(PROMPTS_FILE, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    rows.sort(key=lambda row: (row["split"], row["tags"][0], row["id"]))
    return rows[::share]


@transaction.atomic
def seed_demo(*, size, now):
    """The demo project of this size with its people and prompts, made on first use. Returns it."""
    project = Project.objects.filter(slug=size.slug).first()
    if project is not None:
        return project
    admin = None
    people = []
    for username, first, last, roles in ACCOUNTS:
        user, created = User.objects.get_or_create(
            username=username,
            defaults={
                "first_name": first,
                "last_name": last,
                "date_joined": now,
                "is_staff": Membership.Role.ADMIN in roles,
            },
        )
        if created:
            user.set_password(PASSWORD)
            user.save(update_fields=["password"])
        people.append((user, roles))
        if Membership.Role.ADMIN in roles:
            admin = user
    project = create_project(name=size.name, slug=size.slug, guidelines=GUIDELINES, seed=7, by=admin, now=now)
    for user, roles in people:
        for role in roles:
            add_member(project=project, user=user, role=role, by=admin, now=now)
    import_prompts(project=project, rows=demo_prompts(size.share), by=admin, now=now)
    sampling, _ = Sampling.objects.get_or_create(**size.sampling)
    open_base_stage(project=project, by=admin, now=now, sampling=sampling)
    return project


def with_public_password():
    """The demo's people whose accounts everybody can open who knows the demo."""
    people = User.objects.filter(username__in=[username for username, *_ in ACCOUNTS], is_active=True)
    return [person for person in people if person.check_password(PASSWORD)]


def give_new_password(people, *, now):
    """Give the demo's people one new password that nobody can guess, and return it."""
    password = secrets.token_urlsafe(12)
    for person in people:
        set_password(person=person, password=password, by=None, now=now)
    return password


class LoopStopped(DomainError):
    """The loop cannot go on by itself; the message says what ended and why."""


class Loop:
    """The loop over one project, resumable at any point: it looks where the project stands and goes on.

    `bar(label, total)` opens a progress bar with `update(n)` and `close()`; `check()` raises if the workers
    have died.
    """

    def __init__(self, *, project, size, bar, check, seed=0):
        self.project, self.size, self.bar, self.check, self.seed = project, size, bar, check, seed

    def run(self):
        while True:
            stage = self.project.stages.turns().latest("number")
            if stage.status == Stage.Status.RESPONDING:
                self.await_responses(stage)
            elif stage.status == Stage.Status.RATING:
                self.rate(stage)
            elif stage.number < self.size.stages:
                self.train(stage)
            else:
                break
        self.await_scores()

    def await_responses(self, stage):
        total = Prompt.objects.filter(project=self.project).count()
        run = GenerationRun.objects.filter(stage=stage).latest("id")
        self.watch(run, f"{stage}: responses", total, lambda: stage.responses.count())

    def rate(self, stage):
        total = stage.assignments.exclude(status="submitted").count()
        bar = self.bar(f"{stage}: simulated ratings", total)
        done = simulate_stage(
            stage=stage,
            seed=self.seed,
            clock=timezone.now,
            on_progress=lambda kind: bar.update(1) if kind == "rating" else None,
        )
        bar.close(f"{done.decisions} cases settled, {done.revisions} revisions accepted")
        finalize_labels(stage=stage, by=self.admin(), now=timezone.now())

    def train(self, stage):
        submission = uuid.uuid5(uuid.NAMESPACE_OID, f"demo:{stage.pk}")
        run = TrainingRun.objects.filter(submission=submission).first() or launch_run(
            stage=stage,
            by=self.admin(),
            now=timezone.now(),
            submission=submission,
            epochs=self.size.epochs,
            batch_size=self.size.batch_size,
            seed=self.seed,
        )
        self.watch(run, f"{stage}: fine-tuning", None, lambda: _last_step(run))
        promote(
            stage=stage, model_version=run.model_version, reason=REASON, by=self.admin(), now=timezone.now()
        )

    def watch(self, run, label, total, progress):
        """Show a job's progress until it ends; anything but success stops the loop with its reason."""
        bar, shown = None, 0
        while True:
            run.refresh_from_db()
            total = total or getattr(run, "total_steps", None)
            if bar is None and total:
                bar = self.bar(label, total)
            if bar is not None:
                done = min(progress(), total)
                bar.update(done - shown)
                shown = done
            if run.status not in Job.ACTIVE:
                break
            self.check()
            time.sleep(WAIT_SECONDS)
        if run.status != Job.Status.SUCCEEDED:
            raise LoopStopped(f"{label} ended as {run.get_status_display().lower()}: {run.reason}")
        if bar is not None:
            bar.update(total - shown)
            bar.close("")

    def await_scores(self):
        """Wait for the end of every scoring run, not for its last cosine: the report reads what a run says then."""
        total = sum(stage.responses.count() for stage in self.project.stages.all())
        bar, shown = self.bar("Coherence", total), 0
        while waiting := [stage for stage in self.project.stages.all() if not self.is_scored(stage)]:
            done = total - unscored(self.project).count()
            bar.update(done - shown)
            shown = done
            self.check()
            time.sleep(WAIT_SECONDS)
            for stage in waiting:
                self.check_scoring(stage)
        bar.update(total - shown)
        bar.close("")

    def is_scored(self, stage):
        return stage_coherence(stage).summary is not None

    def check_scoring(self, stage):
        coherence = stage_coherence(stage)
        if coherence.can_resume:
            run = coherence.run
            ended = run.get_status_display().lower()
            raise LoopStopped(f"{stage}: coherence ended as {ended}: {run.reason}")

    def admin(self):
        return self.project.memberships.filter(role=Membership.Role.ADMIN).earliest("id").user


def _last_step(run):
    return run.measures.filter(kind="train").order_by("-step").values_list("step", flat=True).first() or 0
