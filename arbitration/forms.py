"""Reading the lead's form: text from the browser into the values that the use cases take."""

import uuid

from annotation.answer_fields import LABEL, SCORE, answer_fields, differences, read_score
from annotation.models import Divergence, Rating
from core.addresses import address_of, named
from core.errors import InvalidInput
from core.policies import whole
from core.texts import tidy

EDITED = "edited-"


def read_scores(data):
    """{axis key: score} of what was filled in; what is no digit stays text, for the use case to refuse."""
    return {
        name.removeprefix(SCORE): read_score(value)
        for name, value in data.items()
        if name.startswith(SCORE) and value
    }


def read_labels(data):
    """{label set key: value key} of what was filled in."""
    return {
        name.removeprefix(LABEL): value for name, value in data.items() if name.startswith(LABEL) and value
    }


def read_fields(data):
    """{field name: text} of the answers that were filled in."""
    return {name: text for name, text in data.items() if name.startswith((SCORE, LABEL)) and text}


def changes_since(decision, data):
    """[(what is asked, as it was decided, as it was sent now)] in words, where a form differs from what stands."""
    policy, stands = whole(decision.policy), answer_fields(decision)
    is_excluded = decision.outcome == decision.Outcome.EXCLUDED
    found = [] if is_excluded else differences(policy, stands, read_fields(data))
    rationale = tidy(data.get("rationale", "")).strip()
    return found + ([("Rationale", decision.rationale, rationale)] if rationale != decision.rationale else [])


def read_submission(data):
    """The form's own key. Raises InvalidInput where it is missing or damaged."""
    try:
        return uuid.UUID(data.get("submission", ""))
    except ValueError:
        raise InvalidInput("This form is not complete: reload the page and send it again.") from None


def read_finding(data):
    """The key of the divergence that the lead had before them, or None."""
    return named(Divergence, data.get("finding", ""))


def read_revision(data, response):
    """The rating whose revised response is accepted, or None. Raises InvalidInput for one of another response."""
    chosen = data.get("revision", "")
    if not chosen:
        return None
    rating = Rating.objects.current().filter(response=response, pk=named(Rating, chosen)).first()
    if rating is None:
        raise InvalidInput("The revised response you chose is not one of this case: reload the page.")
    return rating


def read_edited(data, rating):
    """What the lead made of the revised response that they accept, or None where the form holds no text of theirs."""
    return data.get(EDITED + address_of(rating)) if rating else None


def told_of_revisions(file, data):
    """What the form shows of each revised response of a CaseFile, with what was filled in so far."""
    chosen, rejected = data.get("revision", ""), data.getlist("reject")
    return [
        {
            "opinion": opinion,
            "address": (address := address_of(opinion.rating)),
            "accepted": address == chosen,
            "rejected": address in rejected or (not data and opinion.is_rejected),
            "text": (text := data.get(EDITED + address, opinion.rating.revised_response)),
            "edited": text != opinion.rating.revised_response,
        }
        for opinion in file.revisions
    ]


def read_rejected(data, response):
    """The ratings whose revised responses are rejected. Raises InvalidInput for one of another response."""
    chosen = {named(Rating, key) for key in data.getlist("reject")}
    found = list(Rating.objects.current().filter(response=response, pk__in=chosen)) if chosen else []
    if len(found) < len(chosen):
        raise InvalidInput("A revised response you rejected is not one of this case: reload the page.")
    return found
