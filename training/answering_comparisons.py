"""One attempt of a generation for a comparison: a model version gives the answers that the comparison wants of it."""

from dataclasses import replace

from django.db.models import Exists, OuterRef

from annotation.models import Prompt, Response, WantedAnswer
from annotation.responses import add_responses, open_rating, prompts_without_response, rounds_of
from training.answering import Generation


class GenerationForComparison(Generation):
    """As for a turn, but of the prompts that the stage wants of this model version; rating opens with the last run."""

    def prompts(self):
        wanted = WantedAnswer.objects.filter(
            stage=self.stage, model_version=self.model_version, prompt=OuterRef("pk")
        )
        answered = self.answered().filter(prompt=OuterRef("pk"))
        prompts = Prompt.objects.in_use().filter(project=self.stage.project_id)
        return prompts.filter(Exists(wanted) | Exists(answered))

    def count_left(self):
        return prompts_without_response(self.stage, self.model_version).count()

    def answered(self):
        return Response.objects.filter(stage=self.stage, model_version=self.model_version, copy_of=None)

    def stored(self):
        # In a comparison candidates are counted over all models; the run gives one answer to each prompt.
        rows = self.answered().values_list("prompt__external_id", "text", "finish_reason")
        return [(name, 0, text, why) for name, text, why in rows]

    def marks(self):
        return self.wanted().exclude(reason_code="")

    def wanted(self):
        return WantedAnswer.objects.filter(stage=self.stage, model_version=self.model_version)

    def go_on(self):
        if not prompts_without_response(self.stage).exists():
            open_rating(stage=self.stage, by=self.run.created_by, now=self.attempt.clock())

    def add(self, answers):
        rounds = rounds_of(self.stage)
        places = dict(
            self.wanted()
            .filter(prompt__in=[answer.prompt for answer in answers])
            .values_list("prompt", "candidate")
        )
        answers = [
            replace(answer, candidate=places[answer.prompt.pk])
            for answer in answers
            if answer.prompt.pk in places
        ]
        created = add_responses(stage=self.stage, answers=answers, now=self.attempt.clock(), rounds=rounds)
        self.wanted().filter(prompt__in=[response.prompt_id for response in created]).delete()
        return created

    def mark(self, rows):
        marked = 0
        for row in rows:
            mine = self.wanted().filter(prompt=self.asked[row["id"]][0], reason_code="")
            marked += mine.update(reason_code=row["reason"]["code"], reason_params=row["reason"]["params"])
        return marked
