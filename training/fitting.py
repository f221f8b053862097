"""Whether prompts fit the window of the model that is to answer them, told while they are brought in.

Only where the model's files are on this machine already; nothing is loaded or fetched for it. A text has no more tokens
than bytes, so nearly every prompt is known to fit by its length; the tokens of the others a child process counts.
"""

import json
import logging
import subprocess
from pathlib import Path

from django.conf import settings

from annotation.models import Sampling
from annotation.rows import quoted
from core.projects import base_location
from jobs.supervisor import REPOSITORY, child_environment, python_child
from training.model_store import ARTIFACT, place_of
from training.trainer.sources import MARK, target_name

logger = logging.getLogger(__name__)

SHOWN = 5
MOST_COUNTED = 500
"""Prompts whose tokens are counted; of more, the first."""
COUNT_SECONDS = 60
NEW_TOKENS = Sampling._meta.get_field("max_new_tokens").default


class Fitting:
    """Looks at prompts as they pass, for the model that answers the project's next ones."""

    def __init__(self, project):
        self.folder = _folder_of(_location(project))
        self.window = self.folder and _window(self.folder)
        self.long = []

    def look(self, line, prompt):
        """Note a NewPrompt that may be too long."""
        if self.window and len(self.long) < MOST_COUNTED:
            text = "\n".join(message.text for message in prompt.messages)
            if len(text.encode()) + NEW_TOKENS > self.window:
                self.long.append((line, prompt.external_id, text))

    @property
    def notes(self):
        """What the person who brings them should know, a sentence or none."""
        if not self.long:
            return []
        counts = _counted(self.folder, [text for _, _, text in self.long])
        if counts is None:
            return [self._told([(line, name, "") for line, name, _ in self.long], "may not fit")]
        over = [
            (line, name, f", {count:,} tokens")
            for (line, name, _), count in zip(self.long, counts, strict=True)
            if count + NEW_TOKENS > self.window
        ]
        return [self._told(over, "do not fit")] if over else []

    def _told(self, over, what):
        named = "; ".join(f"{quoted(name)} (line {line}{tokens})" for line, name, tokens in over[:SHOWN])
        return (
            f"{len(over)} {what} into the model’s window of {self.window:,} tokens with {NEW_TOKENS} for the answer, "
            f"and what does not fit it cannot answer: {named}{'; …' if len(over) > SHOWN else ''}. Shorten them, or "
            "choose another model."
        )


def _location(project):
    newest = project.stages.turns().select_related("model_version").order_by("-number").first()
    model = newest and newest.model_version
    return model.location if model else base_location(project)


def _folder_of(location):
    """The folder with the model's files, or None where they are not here."""
    if location.startswith(ARTIFACT):
        folder = place_of(location.removeprefix(ARTIFACT))
    elif location and Path(location).is_dir():
        folder = Path(location)
    else:
        folder = settings.MODELS_DIR / target_name(location)
        if not location or not (folder / MARK).exists():
            return None
    return folder if (folder / "config.json").exists() else None


def _window(folder):
    try:
        window = json.loads((folder / "config.json").read_text()).get("max_position_embeddings")
    except (OSError, ValueError) as error:
        logger.warning("The window of the model in %s is not known: %s", folder, error)
        return None
    return window if isinstance(window, int) else None


def _counted(folder, texts):
    """How many tokens each text is to the model, or None where that cannot be counted here."""
    try:
        done = subprocess.run(
            python_child("training.trainer.count_tokens", folder),
            input="".join(json.dumps(text) + "\n" for text in texts),
            capture_output=True, text=True, timeout=COUNT_SECONDS, check=True, cwd=REPOSITORY, env=child_environment(),
        )  # fmt: skip
    except subprocess.SubprocessError as error:
        logger.warning("The tokens of long prompts could not be counted: %s", error)
        return None
    return json.loads(done.stdout)
