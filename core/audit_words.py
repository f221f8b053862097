"""What the events of the audit trail are called, in the reader's language."""

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
    "assignment:close": _("Open slots closed"),
    "assignment:leased": _("Response handed out"),
    "assignment:open": _("Response given back"),
    "assignment:submitted": _("Slot filled"),
    "case:claim": _("Case claimed"),
    "case:claimed": _("Case claimed"),
    "case:released": _("Case given back"),
    "case:returned": _("Case returned to the experts"),
    "case:resolved": _("Case settled"),
    "decision:reopen": _("Decision reopened"),
    "file:discard": _("Uploaded file removed"),
    "file:upload": _("File uploaded"),
    "generation:launch": _("Generation launched"),
    "membership:add": _("Role given"),
    "membership:remove": _("Role taken"),
    "policy:revise": _("Rubric and policy changed"),
    "project:archive": _("Project archived"),
    "project:bring_back": _("Project brought back"),
    "project:copy": _("Project made as a copy"),
    "project:create": _("Project made"),
    "project:delete": _("Project deleted"),
    "project:guidelines": _("Guidelines changed"),
    "project:rename": _("Project renamed"),
    "promotion:make": _("Model promoted"),
    "prompts:import": _("Prompts imported"),
    "rating:correct": _("Rating corrected"),
    "rating:submit": _("Rating submitted"),
    "rating:withdraw": _("Rating taken back"),
    "reference:set": _("Known label set"),
    "response:agreed": _("Experts agreed"),
    "response:awaiting": _("Response awaits ratings again"),
    "response:decline": _("Expert could not judge"),
    "response:divergent": _("Experts diverged"),
    "response:excluded": _("Response excluded"),
    "response:labeled": _("Labels written"),
    "response:one_more": _("One more rating asked for"),
    "response:resolved": _("Response settled"),
    "response:return": _("Response returned to its experts"),
    "responses:copy": _("Responses copied"),
    "responses:import": _("Responses imported"),
    "revision:accept": _("Revision accepted"),
    "scoring:open": _("Coherence launched"),
    "stage:finalize": _("Labels finalized"),
    "stage:open": _("Stage opened"),
    "stage:rating": _("Rating opened"),
    "trainingrun:launch": _("Training launched"),
    "trainingset:freeze": _("Training set frozen"),
}


def told(verb):
    """The event's name; one that has none yet is told by its verb."""
    if verb in WORDS:
        return gettext(WORDS[verb])
    noun, _colon, done = verb.partition(":")
    return f"{noun.replace('_', ' ').capitalize()}: {done.replace('_', ' ')}"
