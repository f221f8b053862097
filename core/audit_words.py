"""What the events of the audit trail are called, in the reader's language."""

from functools import cache

from django.apps import apps
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

WORDS = {
    "account:change": _("Account changed"),
    "account:create": _("Account made"),
    "account:link": _("Link made to choose a password"),
    "account:no_site_admin": _("No admin of the site any more"),
    "account:off": _("Account switched off"),
    "account:on": _("Account switched on"),
    "account:password": _("Password chosen"),
    "account:sign_out": _("Signed out everywhere"),
    "account:site_admin": _("Made an admin of the site"),
    "alias:point": _("Name given to a model"),
    "alias:take_away": _("Name taken from a model"),
    "assignment:close": _("Open slots closed"),
    "assignment:leased": _("Response handed out"),
    "assignment:open": _("Response given back"),
    "assignment:submitted": _("Slot filled"),
    "case:claim": _("Case claimed"),
    "case:claimed": _("Case claimed"),
    "case:released": _("Case given back"),
    "case:lapsed": _("Time for a case ran out"),
    "case:returned": _("Case returned to the experts"),
    "case:resolved": _("Case settled"),
    "decision:reopen": _("Decision reopened"),
    "endpointregistration:register": _("Figures registered"),
    "file:discard": _("Uploaded file removed"),
    "file:upload": _("File uploaded"),
    "comparison:go-without": _("Comparison goes on without some answers"),
    "generation:launch": _("Generation launched"),
    "membership:add": _("Role given"),
    "membership:remove": _("Role taken"),
    "pair:awaiting": _("Pair awaits preferences again"),
    "pair:decline": _("Expert could not judge a pair"),
    "pair:judged": _("Pair judged"),
    "pair:set_aside": _("Pair set aside"),
    "pairs:draw": _("Pairs drawn"),
    "pairslot:close": _("Open slots of pairs closed"),
    "pairslot:leased": _("Pair handed out"),
    "pairslot:open": _("Pair given back"),
    "pairslot:submitted": _("Slot of a pair filled"),
    "policy:revise": _("Rubric and policy changed"),
    "preference:submit": _("Preference submitted"),
    "preference:withdraw": _("Preference taken back"),
    "project:archive": _("Project archived"),
    "project:bring_back": _("Project brought back"),
    "project:copy": _("Project made as a copy"),
    "project:create": _("Project made"),
    "project:delete": _("Project deleted"),
    "project:guidelines": _("Guidelines changed"),
    "project:model": _("Base model chosen"),
    "project:rename": _("Project renamed"),
    "promotion:ask": _("Asked another admin to agree to a promotion"),
    "promotion:make": _("Model promoted"),
    "promotion:take_back": _("Asking for a promotion taken back"),
    "prompt:bring-back": _("Prompt brought back"),
    "prompt:correct": _("Prompt corrected"),
    "prompt:set-aside": _("Prompt set aside"),
    "prompts:import": _("Prompts imported"),
    "rating:correct": _("Rating corrected"),
    "rating:retract": _("Ratings withdrawn by an admin"),
    "rating:submit": _("Rating submitted"),
    "rating:withdraw": _("Rating taken back"),
    "reference:set": _("Known label set"),
    "response:agreed": _("Experts agreed"),
    "response:awaiting": _("Response awaits ratings again"),
    "response:decline": _("Expert could not judge"),
    "response:divergent": _("Experts diverged"),
    "response:excluded": _("Response excluded"),
    "response:fewer-ratings": _("Fewer ratings of a response count"),
    "response:labeled": _("Labels written"),
    "response:one_more": _("One more rating asked for"),
    "response:resolved": _("Response settled"),
    "response:return": _("Response returned to its experts"),
    "response:set_aside": _("Response set aside"),
    "responses:copy": _("Responses copied"),
    "responses:import": _("Responses imported"),
    "revision:accept": _("Revision accepted"),
    "revision:reject": _("Revision rejected"),
    "rehearsal:launch": _("Rehearsal asked for"),
    "rungroup:cancel": _("Run group canceled"),
    "rungroup:launch": _("Run group launched"),
    "rungroup:resume": _("Run group goes on"),
    "scoring:open": _("Coherence launched"),
    "shortfall:settle": _("What had ratings enough was settled"),
    "spotnote:write": _("Note on a spot check written"),
    "stage:finalize": _("Labels finalized"),
    "stage:open": _("Stage opened"),
    "stage:rating": _("Rating opened"),
    "stage:shortfall": _("Decided what is left of a stage"),
    "trainingrun:launch": _("Training launched"),
    "trainingset:freeze": _("Training set frozen"),
}


def told(verb):
    """The event's name; that of a move which has none is told by the names of the thing and its new status."""
    if verb in WORDS:
        return gettext(WORDS[verb])
    noun, _colon, done = verb.partition(":")
    model = _moving().get(noun)
    thing = str(model._meta.verbose_name) if model else noun.replace("_", " ")
    return f"{thing[:1].upper()}{thing[1:]}: {status_told(verb, done)}"


def status_told(verb, status):
    """What a status is called that an event left or reached, by the table of moves of what its verb is about."""
    model = _moving().get(verb.partition(":")[0])
    labels = dict(model.Status.choices) if model else {}
    label = str(labels.get(status, status.replace("_", " ")))
    return f"{label[:1].lower()}{label[1:]}"


@cache
def _moving():
    """{name as in verbs: model with a table of moves}."""
    return {model._meta.model_name: model for model in apps.get_models() if hasattr(model, "TRANSITIONS")}
