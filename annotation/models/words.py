from django.db import models


class PromptWords(models.Model):
    """What a search finds a prompt by: its id, messages and tags in the form in which they are compared.

    Kept apart from the prompt, so that nobody who reads prompts carries it along. Written by annotation/searching.py.
    """

    prompt = models.OneToOneField(
        "annotation.Prompt", on_delete=models.CASCADE, primary_key=True, related_name="words"
    )
    project = models.ForeignKey("core.Project", on_delete=models.PROTECT, db_index=False, related_name="+")
    text = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["project", "prompt"], name="words_of_project")]

    def __str__(self):
        return f"Words of prompt {self.prompt_id}"
