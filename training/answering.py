"""One attempt of a generation: a child process answers the prompts, and what it writes is taken in batch by batch."""

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q

from annotation.conversations import as_chat
from annotation.models import Prompt, Unanswered, load_earlier
from annotation.responses import NewResponse, add_responses, open_rating
from core.locks import lock_stage
from core.models import Stage
from jobs.files import read_lines, write_json, write_lines
from jobs.life import NotFinished, Refused
from jobs.models import Job
from jobs.run_dir import Tail
from jobs.supervisor import python_child
from training.endpoints import config_of, is_endpoint
from training.model_store import ready_folder
from training.sampling import response_seed, sampling_fields

APART = "\x1f"
"""Stands between a prompt's id and a candidate after the first; the unit separator, which no id has."""


def line_id(external_id, candidate):
    """What the child calls one candidate of a prompt."""
    return f"{external_id}{APART}{candidate}" if candidate else external_id


class Generation:
    """One attempt's way through a stage's prompts."""

    def __init__(self, attempt):
        self.attempt, self.run = attempt, attempt.job
        self.stage = Stage.objects.select_related("project", "model_version").get(pk=self.run.stage_id)
        self.model_version = self.run.model_version or self.stage.model_version
        self.asked = {}
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
        left = self.count_left()
        while left:
            self.run_child()
            before, left = left, self.count_left()
            if left >= before and not self.outdated:
                raise RuntimeError(
                    f"The generation said it was done and left {left} prompts without response."
                )
            # Prompts that were imported or corrected while it ran are answered in another round.
            self.look_at_prompts()
        marked = self.marks().count()
        if marked and not self.answered().exists():
            raise Refused("nothing_answered", count=marked)
        with transaction.atomic():
            lock_stage(self.stage)
            self.attempt.progressed()
            self.go_on()
            self.attempt.end(Job.Status.SUCCEEDED)

    def prompts(self):
        """The prompts that are to be answered, those that are already among them."""
        return Prompt.objects.in_use().filter(project=self.stage.project_id)

    def answered(self):
        """The responses that stand."""
        return self.stage.responses

    def stored(self):
        """[(prompt id, candidate of this run, text, finish reason)] of them."""
        names = ("prompt__external_id", "candidate", "text", "finish_reason")
        return self.answered().values_list(*names)

    def marks(self):
        """The rows that say why a prompt gets no answer."""
        return Unanswered.objects.filter(stage=self.stage)

    def go_on(self):
        """Open rating, now that all is answered."""
        open_rating(stage=self.stage, by=self.run.created_by, now=self.attempt.clock())

    def look_at_prompts(self):
        prompts = list(self.prompts())
        load_earlier(prompts)
        self.asked = {
            line_id(prompt.external_id, candidate): (prompt, candidate)
            for prompt in prompts
            for candidate in range(self.run.candidates)
        }

    def count_left(self):
        """How many prompts have fewer responses than candidates are wanted, and aren't marked as unanswered."""
        failed = Unanswered.objects.filter(stage=self.stage, prompt=OuterRef("pk"))
        given = Count("responses", filter=Q(responses__stage=self.stage))
        prompts = Prompt.objects.in_use().filter(~Exists(failed), project=self.stage.project_id)
        return prompts.annotate(given=given).filter(given__lt=self.run.candidates).count()

    def run_child(self):
        model = self.model_version
        if is_endpoint(model.location):
            child, where = "training.trainer.ask", config_of(model.location)
        else:
            folder = ready_folder(model, attempt=self.attempt)
            child = "training.trainer.generate"
            where = {"model_path": str(folder), "precision": self.run.precision}
        self.write_run_dir(where)
        try:
            self.attempt.run_child(python_child(child, self.attempt.run_dir), on_event=self.hear)
        except NotFinished:
            # What the child saved outlives how it ended.
            self.take_in()
            raise
        self.take_in()

    def write_run_dir(self, where):
        """The child's task; `where`: what it needs to know of the model. All prompts, also on a resume: the whole list
        fixes the batches."""
        write_lines(
            self.attempt.run_dir / "prompts.jsonl",
            [self.line(key, prompt, candidate) for key, (prompt, candidate) in self.asked.items()],
        )
        self.write_what_is_done()
        sampling = sampling_fields(self.run.sampling)
        write_json(
            self.attempt.run_dir / "config.json",
            {
                **where,
                "prompts_file": "prompts.jsonl",
                "seed": self.run.seed,
                "batch_size": sampling.pop("batch_size"),
                "system_prompt": sampling.pop("system_prompt") or None,
                "sampling": sampling,
            },
        )

    def line(self, key, prompt, candidate):
        """What the child reads of a prompt: its question, and of a conversation all of its messages."""
        line = {"id": key, "text": prompt.text, "seed": response_seed(self.run.seed, prompt, candidate)}
        return line | {"messages": as_chat(prompt.conversation)} if prompt.earlier_count else line

    def write_what_is_done(self):
        """What stands, for the child to go on behind it: as it wrote it, or as an attempt on another host stored it.

        What it wrote of a prompt that was corrected since, or left unanswered under other settings, is asked anew.
        """
        stored = self.stored()
        rows = {}
        for name, candidate, text, why in stored:
            key = line_id(name, candidate)
            rows[key] = {"id": key, "text": text, "finish_reason": why, "tokens": 0}
        for mark in self.marks().select_related("prompt"):
            why = {"code": mark.reason_code, "params": mark.reason_params}
            for candidate in range(self.run.candidates):
                key = line_id(mark.prompt.external_id, candidate)
                rows.setdefault(key, {"id": key, "reason": why})
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
        rows = [row for row in rows if row["id"] in self.asked]
        if not rows:
            return
        with transaction.atomic():
            # The stage before the job, as whoever launches it again locks them.
            lock_stage(self.stage)
            self.attempt.beat()
            asked = self.still_as_asked(rows)
            created = self.add([self.answer(row) for row in asked if "reason" not in row])
            marked = self.mark([row for row in asked if "reason" in row])
        if created or marked:
            self.attempt.progressed()

    def still_as_asked(self, rows):
        """The rows of prompts that say what they said when the child was given them."""
        asked = {row["id"]: self.asked[row["id"]][0] for row in rows}
        keys = {prompt.pk for prompt in asked.values()}
        now = dict(Prompt.objects.filter(pk__in=keys).values_list("pk", "digest"))
        kept = [row for row in rows if now.get(asked[row["id"]].pk) == asked[row["id"]].digest]
        self.outdated = self.outdated or len(kept) < len(rows)
        return kept

    def add(self, answers):
        """Store new answers; returns the rows."""
        return add_responses(stage=self.stage, answers=answers, now=self.attempt.clock())

    def mark(self, rows):
        """Note why prompts have no answer; they stop nothing else."""
        marks = [
            Unanswered(
                stage=self.stage,
                prompt=self.asked[row["id"]][0],
                reason_code=row["reason"]["code"],
                reason_params=row["reason"]["params"],
                created_at=self.attempt.clock(),
            )
            for row in rows
        ]
        Unanswered.objects.bulk_create(marks, ignore_conflicts=True)
        return len(marks)

    def answer(self, row):
        prompt, candidate = self.asked[row["id"]]
        return NewResponse(
            prompt=prompt,
            candidate=candidate,
            text=row["text"],
            model_version=self.model_version.pk,
            sampling=self.run.sampling_id,
            seed=response_seed(self.run.seed, prompt, candidate),
            finish_reason=row["finish_reason"],
        )
