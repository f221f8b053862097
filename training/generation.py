"""A stage's model version answers every prompt: launched here, done by a child process, taken in batch by batch."""

import hashlib

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from annotation.conversations import as_chat
from annotation.models import Prompt, Response, Sampling, Unanswered, load_earlier
from annotation.responses import NewResponse, add_responses, open_rating, prompts_without_response
from core import audit
from core.errors import Conflict, InvalidInput
from core.locks import lock_stage
from core.models import Stage
from core.projects import base_model
from core.stages import open_stage
from jobs import life
from jobs.files import read_lines, write_json, write_lines
from jobs.life import NotFinished, Refused, carry_out
from jobs.models import Job
from jobs.nudge import nudge
from jobs.run_dir import Tail
from jobs.stopping import worker_is_stopping
from jobs.supervisor import python_child
from training.model_store import ready_folder
from training.models import GenerationRun, Precision

SEED_BITS = 48
MAY_CHANGE = {"batch_size", "max_new_tokens", "precision"}
"""What a generation can be launched again with once some prompts are answered: how it runs, not what it draws."""


@transaction.atomic
def open_base_stage(*, project, by, now, sampling=None, seed=None, precision=None):
    """Begin the project's loop: open the base stage with the base model and let it answer every prompt.

    The base model is the one the settings name; `seed` is the project's unless given. Raises InvalidInput
    without prompts, Conflict once the loop has begun.
    """
    if project.stages.turns().exists():
        raise Conflict("The loop of this project has begun already: go on from its newest stage.")
    if not Prompt.objects.in_use().filter(project=project).exists():
        raise InvalidInput("There is nothing to answer yet: import prompts first.")
    base = base_model(project, location=settings.BASE_MODEL, now=now)
    stage = open_stage(project=project, model_version=base, by=by, now=now)
    seed = project.seed if seed is None else seed
    launch_generation(stage=stage, sampling=sampling, seed=seed, precision=precision, by=by, now=now)
    return stage


@transaction.atomic
def launch_generation(*, stage, sampling, seed, by, now, precision=None):
    """Queue the job that lets the stage's model version answer every prompt. Returns its row.

    `sampling` is a Sampling row (None: the defaults); `seed` the number every response's own seed is derived
    from. A stage has one such job: launching again returns it, and what ended badly is resumed, with the `sampling` and
    `precision` that are given, or as it was. Prompts that could not be answered are then asked anew. A base stage that
    was opened for import and got no response yet takes the base model. Raises Conflict once rating is open, or where
    the stage's model has no weights; InvalidInput for what cannot change once responses are there.
    """
    stage = lock_stage(stage)
    if stage.status != Stage.Status.RESPONDING:
        raise Conflict(f"{stage} takes no more responses: rating has begun.")
    run = GenerationRun.objects.filter(stage=stage).first()
    if run is not None and run.may_resume:
        return _launch_again(run, sampling, precision, by=by, now=now)
    if run is not None:
        return run
    if stage.model_version is None:
        _give_base_model(stage, now=now)
    if not stage.model_version.location:
        raise Conflict(f"“{stage.model_version}” is known by name only: import its responses.")
    run = GenerationRun.objects.create(
        stage=stage,
        sampling=sampling or default_sampling(),
        precision=precision or Precision.AUTO,
        seed=seed,
        created_by=by,
        created_at=now,
    )
    params = {"seed": seed, "precision": str(run.precision), **sampling_fields(run.sampling)}
    audit.record("generation:launch", run, by=by, now=now, to_status=run.status, params=params)
    nudge(run.TASK, pk=run.pk)
    return run


def _launch_again(run, sampling, precision, *, by, now):
    """Resume a generation that ended badly, with other settings where some are given."""
    before = sampling_fields(run.sampling) | {"precision": run.precision}
    after = sampling_fields(sampling or run.sampling) | {"precision": str(precision or run.precision)}
    changed = {name for name in after if after[name] != before[name]}
    answered = Response.objects.filter(stage=run.stage).exists()
    if answered and (fixed := changed - MAY_CHANGE):
        raise InvalidInput(
            "Some prompts are answered already, and the others are to be asked alike: leave "
            f"{', '.join(sorted(fixed))} as it was. Batch, longest response and precision can change."
        )
    Unanswered.objects.filter(stage=run.stage).delete()
    if changed:
        run.sampling, run.precision = sampling or run.sampling, after["precision"]
        run.save(update_fields=["sampling", "precision"])
        audit.record("generation:relaunch", run, by=by, now=now, params={"before": before, "after": after})
    return life.resume(run, by=by, now=now)


def _give_base_model(stage, *, now):
    if Response.objects.filter(stage=stage).exists():
        raise Conflict("Responses were imported for this stage already: import the missing ones too.")
    if stage.number:
        raise Conflict("This stage waits for imported responses: import them.")
    stage.model_version = base_model(stage.project, location=settings.BASE_MODEL, now=now)
    stage.save(update_fields=["model_version"])


def default_sampling():
    """The sampling of generations that don't name one."""
    sampling, _ = Sampling.objects.get_or_create(**sampling_fields(Sampling()))
    return sampling


def sampling_fields(sampling):
    """The parameters of a Sampling as a dict: what makes it the setting it is."""
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_new_tokens": sampling.max_new_tokens,
        "repetition_penalty": sampling.repetition_penalty,
        "batch_size": sampling.batch_size,
        "system_prompt": sampling.system_prompt,
    }


def response_seed(run_seed, prompt, candidate=0):
    """The seed of one response, a number of 48 bits: the first bytes of sha256("seed:prompt id:candidate").

    Depends neither on the stage nor on the order of prompts, so a prompt meets the same chance in every stage.
    """
    digest = hashlib.sha256(f"{run_seed}:{prompt.external_id}:{candidate}".encode()).digest()
    return int.from_bytes(digest[: SEED_BITS // 8])


def run_generation(*, pk, clock=timezone.now, stopping=worker_is_stopping):
    """Do a queued generation: to its end, to a cancel, or until this worker is `stopping` or lost it.

    Responses are stored batch by batch as the child writes them. A message delivered twice does nothing; an
    attempt after a kill takes in what the child had written and goes on behind it. With every prompt
    answered, rating opens in the transaction that ends the job.
    """
    carry_out(
        GenerationRun,
        pk=pk,
        work=lambda attempt: Generation(attempt).answer_every_prompt(),
        clock=clock,
        stopping=stopping,
    )


class Generation:
    """One attempt's way through a stage's prompts."""

    def __init__(self, attempt):
        self.attempt, self.run = attempt, attempt.job
        self.stage = Stage.objects.select_related("project", "model_version").get(pk=self.run.stage_id)
        self.prompts = {}
        self.outdated = False
        self.responses = Tail(attempt.run_dir / "responses.jsonl")

    def answer_every_prompt(self):
        if self.stage.status != Stage.Status.RESPONDING:
            # Somebody imported the responses meanwhile and opened rating.
            self.attempt.end(Job.Status.SUCCEEDED)
            return
        self.look_at_prompts()
        # Why an earlier attempt left prompts unanswered may hold no more: what is not marked by now is asked anew.
        self.responses.take(lambda rows: self.store([row for row in rows if "reason" not in row]))
        left = prompts_without_response(self.stage).count()
        while left:
            self.run_child()
            before, left = left, prompts_without_response(self.stage).count()
            if left >= before and not self.outdated:
                raise RuntimeError(
                    f"The generation said it was done and left {left} prompts without response."
                )
            # Prompts that were imported or corrected while it ran are answered in another round.
            self.look_at_prompts()
        marked = Unanswered.objects.filter(stage=self.stage).count()
        if marked and not Response.objects.filter(stage=self.stage).exists():
            raise Refused("nothing_answered", count=marked)
        with transaction.atomic():
            lock_stage(self.stage)
            self.attempt.progressed()
            open_rating(stage=self.stage, by=self.run.created_by, now=self.attempt.clock())
            self.attempt.end(Job.Status.SUCCEEDED)

    def look_at_prompts(self):
        prompts = list(Prompt.objects.in_use().filter(project=self.stage.project_id))
        load_earlier(prompts)
        self.prompts = {prompt.external_id: prompt for prompt in prompts}

    def run_child(self):
        model = ready_folder(self.stage.model_version, attempt=self.attempt)
        self.write_run_dir(model)
        try:
            self.attempt.run_child(
                python_child("training.trainer.generate", self.attempt.run_dir), on_event=self.hear
            )
        except NotFinished:
            # What the child saved outlives how it ended.
            self.take_in()
            raise
        self.take_in()

    def write_run_dir(self, model):
        """The child's task. All prompts, also on a resume: the whole list fixes the batches."""
        write_lines(
            self.attempt.run_dir / "prompts.jsonl",
            [self.line(prompt) for prompt in self.prompts.values()],
        )
        self.write_what_is_done()
        sampling = sampling_fields(self.run.sampling)
        write_json(
            self.attempt.run_dir / "config.json",
            {
                "model_path": str(model),
                "prompts_file": "prompts.jsonl",
                "seed": self.run.seed,
                "batch_size": sampling.pop("batch_size"),
                "system_prompt": sampling.pop("system_prompt") or None,
                "sampling": sampling,
                "precision": self.run.precision,
            },
        )

    def line(self, prompt):
        """What the child reads of a prompt: its question, and of a conversation all of its messages."""
        line = {
            "id": prompt.external_id,
            "text": prompt.text,
            "seed": response_seed(self.run.seed, prompt),
        }
        return line | {"messages": as_chat(prompt.conversation)} if prompt.earlier_count else line

    def write_what_is_done(self):
        """What stands, for the child to go on behind it: as it wrote it, or as an attempt on another host stored it.

        What it wrote of a prompt that was corrected since, or left unanswered under other settings, is asked anew.
        """
        stored = self.stage.responses.values_list("prompt__external_id", "text", "finish_reason")
        rows = {
            key: {"id": key, "text": text, "finish_reason": why, "tokens": 0} for key, text, why in stored
        }
        marks = Unanswered.objects.filter(stage=self.stage).select_related("prompt")
        for mark in marks:
            why = {"code": mark.reason_code, "params": mark.reason_params}
            rows.setdefault(mark.prompt.external_id, {"id": mark.prompt.external_id, "reason": why})
        if self.responses.path.exists():
            written = {row["id"]: row for row in read_lines(self.responses.path)}
            if written.keys() == rows.keys():
                return
            rows = {key: written.get(key, row) for key, row in rows.items()}
        write_lines(self.responses.path, rows.values())
        self.responses.offset = self.responses.path.stat().st_size
        self.outdated = False

    def hear(self, event):
        if event["kind"] == "progress":
            self.take_in()

    def take_in(self):
        """Store the responses that the child has written since we last looked, while the job is ours."""
        self.responses.take(self.store)

    def store(self, rows):
        rows = [row for row in rows if row["id"] in self.prompts]
        if not rows:
            return
        with transaction.atomic():
            # The stage before the job, as whoever launches it again locks them.
            lock_stage(self.stage)
            self.attempt.beat()
            asked = self.still_as_asked(rows)
            answers = [self.answer(row) for row in asked if "reason" not in row]
            created = add_responses(stage=self.stage, answers=answers, now=self.attempt.clock())
            marked = self.mark([row for row in asked if "reason" in row])
        if created or marked:
            self.attempt.progressed()

    def still_as_asked(self, rows):
        """The rows of prompts that say what they said when the child was given them."""
        asked = [self.prompts[row["id"]].pk for row in rows]
        now = dict(Prompt.objects.filter(pk__in=asked).values_list("external_id", "digest"))
        kept = [row for row in rows if now.get(row["id"]) == self.prompts[row["id"]].digest]
        self.outdated = self.outdated or len(kept) < len(rows)
        return kept

    def mark(self, rows):
        """Note why prompts have no answer; they stop nothing else."""
        marks = [
            Unanswered(
                stage=self.stage,
                prompt=self.prompts[row["id"]],
                reason_code=row["reason"]["code"],
                reason_params=row["reason"]["params"],
                created_at=self.attempt.clock(),
            )
            for row in rows
        ]
        Unanswered.objects.bulk_create(marks, ignore_conflicts=True)
        return len(marks)

    def answer(self, row):
        prompt = self.prompts[row["id"]]
        return NewResponse(
            prompt=prompt,
            text=row["text"],
            model_version=self.stage.model_version_id,
            sampling=self.run.sampling_id,
            seed=response_seed(self.run.seed, prompt),
            finish_reason=row["finish_reason"],
        )
