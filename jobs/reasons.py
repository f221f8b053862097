"""Why a job ended or what it waits for: stored as a code with named parameters, told here in words.

Children use it too, so nothing here needs Django: whoever tells a reader passes Django's `gettext`.
"""

from dataclasses import dataclass, field


def gettext_noop(words):
    """Marks words to be translated when they are told."""
    return words


_ = gettext_noop

WORDS = {
    # A sentence that came as it is: from a library, from the rules of another room, or from before there were codes.
    "told": _("%(text)s"),
    "surprise": _("%(name)s: %(words)s"),
    # The worker and its child.
    "worker_stopped": _("Its worker was asked to stop; the next one goes on from what was saved."),
    "worker_lost": _("Its worker stopped answering; the next one resumes it."),
    "fruitless": _(
        "%(attempts)s attempts in a row ended without getting any further: see why each of them ended, mend that, "
        "then resume."
    ),
    "canceled": _("Canceled."),
    "canceled_before": _("Canceled before it began."),
    "stalled": _(
        "It stopped making progress and was ended. Resume it; if it stalls again, use smaller batches or a "
        "faster machine."
    ),
    "stopped_from_outside": _("It was asked to stop from outside, and saved what it had."),
    "busy": _("Another process works in this run's directory: try again later."),
    "killed": _("The process was ended by %(signal)s."),
    "killed_for_memory": _(
        "The system ended the process because memory ran out. Free some, or use a smaller batch or shorter texts, then "
        "resume."
    ),
    "ended_with_code": _("The process ended with code %(code)s: %(last_line)s"),
    "disk_full": _(
        "The disk is full. Free some space, then resume: what was saved before is whole. (%(words)s)"
    ),
    "out_of_memory": _(
        "Memory ran out. Launch it again with a smaller batch or fewer tokens, or in bf16 where the hardware knows it. "
        "(%(words)s)"
    ),
    # What a child was given to do.
    "config_unreadable": _("config.json can't be read: %(words)s"),
    "config_keys": _("config.json: missing %(missing)s, unknown %(unknown)s."),
    "unknown_objective": _("Unknown objective %(objective)s: there is %(known)s."),
    "unknown_sampling": _("Unknown sampling parameters: %(names)s."),
    "bad_sampling": _(
        "Sampling needs temperature ≥ 0, 0 < top_p ≤ 1, max_new_tokens ≥ 1, repetition_penalty > 0: %(given)s"
    ),
    "batch_not_divisible": _(
        "A batch of %(batch)s can't be cut into %(passes)s equal passes (%(accumulation)s on each of %(world)s "
        "processes)."
    ),
    "another_run": _(
        "This run's directory belongs to another run (different: %(different)s), so resuming would mix the two. Start "
        "a new run."
    ),
    "line_without_text": _("%(file)s, line %(line)s: needs an id and a text."),
    "line_without_example": _("%(file)s, line %(line)s: needs a prompt and its answers, none of them empty."),
    "line_without_weight": _("%(file)s, line %(line)s: needs a weight above 0."),
    "line_without_desirable": _("%(file)s, line %(line)s: desirable must be true or false."),
    "one_sort_of_answers": _(
        "KTO learns from good and poor answers together, and there are %(good)s good and %(poor)s poor ones. "
        "Choose another objective, or rate more responses."
    ),
    "pass_of_one": _(
        "KTO holds the answers of one pass against each other, and %(each)s a pass are too few. Choose a larger batch."
    ),
    "bad_messages": _(
        "%(place)s: messages must be a list of role and content that ends with the user's question."
    ),
    "template_refuses": _(
        "The model's chat template refuses %(refused)s of %(conversations)s conversations: “%(words)s”. Choose a model "
        "whose template takes them, or, where it is about the system message, leave the system prompt empty and "
        "bring the conversations without one. Ids: %(ids)s"
    ),
    "id_twice": _("%(file)s, line %(line)s: id %(id)s occurs twice."),
    "text_id_twice": _("%(file)s: an id occurs twice."),
    "prompts_too_long": _(
        "%(count)s prompts leave no room for %(new_tokens)s new tokens in the model's window of %(window)s: shorten "
        "them or allow fewer new tokens. Ids: %(ids)s"
    ),
    "nothing_answered": _(
        "None of the %(count)s prompts could be answered: see why on their pages. Launch it again with other settings, "
        "or correct the prompts."
    ),
    # Why one prompt has no response.
    "prompt_too_long": _(
        "It has %(tokens)s tokens: with %(new_tokens)s for the answer it does not fit into the model's window of "
        "%(window)s."
    ),
    "prompt_refused": _("The model's chat template refuses it: “%(words)s”"),
    "not_the_frozen_set": _(
        "%(file)s is not the frozen training set: its hash is %(found)s…, expected %(expected)s…. Launch the run again "
        "from the training set."
    ),
    "empty_training_set": _("The training set is empty."),
    "examples_too_long": _("No example fits into %(max_length)s tokens: raise max_length to %(longest)s."),
    "disk_too_small": _(
        "Training needs about %(needed)s GB for checkpoints in %(folder)s, and %(free)s GB are free. Free some space, "
        "then resume."
    ),
    "loss_not_finite": _(
        "The loss became %(loss)s at step %(step)s: the training went astray. Start a new run with a lower learning "
        "rate than %(learning_rate)s."
    ),
    "validation_not_finite": _(
        "The validation loss became %(loss)s at step %(step)s: lower the learning rate."
    ),
    "examples_without_loss": _("Of %(examples)s examples only %(with_loss)s have tokens that carry loss."),
    # Endpoints.
    "endpoint_away": _(
        "The endpoint did not answer after %(tries)s tries (%(words)s). What it has answered is kept: resume once it "
        "is back, with fewer prompts at a time where it was too much."
    ),
    "endpoint_denies": _(
        "The endpoint answers %(status)s: “%(words)s”. Check its address, the name of the model and the key, then "
        "resume."
    ),
    "endpoint_refuses": _("The endpoint refuses it (%(status)s): “%(words)s”"),
    "endpoint_filters": _("The endpoint's filter held its answer back."),
    "endpoint_without_key": _(
        "The environment variable %(variable)s, which is to hold the endpoint's key, is not set for this worker."
    ),
    "endpoint_without_weights": _(
        "“%(model)s” answers behind an endpoint and has no weights here: start the training from another model."
    ),
    # Models.
    "template_without_end": _(
        "The chat template doesn't close an answer with the model's end token %(token)s, so the model would never "
        "learn to stop: choose a model whose template does."
    ),
    "no_chat_template": _("The model in %(folder)s has no chat template: choose an instruction-tuned model."),
    "no_end_token": _("The tokenizer in %(folder)s has no end-of-sequence token."),
    "no_model_folder": _(
        "%(folder)s is not a model folder (it has no config.json): prepare the model again."
    ),
    "no_safetensors": _("%(folder)s has no safetensors weights, and nothing else is loaded."),
    "encoder_without_weights": _("%(words)s Prepare the encoder again."),
    "known_by_name_only": _(
        "“%(model)s” is known by name only, its responses were imported: there are no weights to run. Choose a base "
        "model for the training, or import the responses of this stage too."
    ),
    "weights_changed": _(
        "The weights of “%(model)s” at %(location)s are not the ones it had: SHA-256 %(found)s instead of "
        "%(expected)s. Put the former files back, or start a project with the new ones."
    ),
    "weights_missing": _(
        "The weights of “%(model)s” are missing from the storage (%(name)s): restore them from a backup, or train the "
        "model again."
    ),
    "encoder_not_loaded": _("Sentence-BERT could not be loaded: %(because)s"),
    "upload_gone": _("The file “%(name)s” is no longer in the storage: upload it again."),
    "no_benchmark_task": _(
        "None of the YAML files is a task of lm-evaluation-harness: each needs the key “task”."
    ),
    "benchmark_not_run": _(
        "lm-evaluation-harness cannot run these tasks: %(words)s. Mend their files, and launch the benchmark again."
    ),
    "texts_not_embedded": _("Sentence-BERT could not embed the texts: %(because)s"),
}
"""Code → the words of it. `because` in the parameters is itself a code, told with the same parameters."""


@dataclass(frozen=True)
class Reason:
    """A code and its parameters: named scalars. No code, no reason."""

    code: str = ""
    params: dict = field(default_factory=dict)

    def __bool__(self):
        return bool(self.code)

    def __str__(self):
        return self.told()

    def told(self, translate=str):
        """The reason in words; `translate` turns an English template into the reader's language."""
        if not self:
            return ""
        words, params = WORDS.get(self.code), self.params
        if words is None:
            return self.code  # of a version that knew more
        if "because" in params:
            params = params | {
                "because": Reason(params["because"], without(params, "because")).told(translate)
            }
        return translate(words) % params

    def within(self, code):
        """This reason as the cause of another, such as why an encoder could not be loaded."""
        return Reason(code, self.params | {"because": self.code})


def without(params, name):
    return {key: value for key, value in params.items() if key != name}


def reason(code, /, **params):
    return Reason(code, params)


def told(text):
    """A sentence as it is."""
    return Reason("told", {"text": str(text)})


def as_fields(why):
    """A reason as the fields of a row that keeps it."""
    return {"reason_code": why.code, "reason_params": why.params}


NONE = Reason()
