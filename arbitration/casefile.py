"""What a lead sees of a response: every rating under a pseudonym, why the experts diverged, what they would change.

Nothing here says which model wrote the response or in which stage.
"""

from dataclasses import dataclass

from django.db.models import F
from django.utils.crypto import salted_hmac

from annotation.answers import load_answers
from annotation.models import DivergenceReason, Involvement, Rating
from arbitration.diff import Changes, word_diff
from arbitration.outcomes import rejected_of
from core.policies import whole
from core.staff import lay_out
from core.texts import isolated, tidy

Kind = DivergenceReason.Kind


@dataclass
class Opinion:
    """One expert's rating as the lead reads it. `scores` and `labels` are in the rubric's order, None where absent."""

    who: str
    rating: Rating
    axes: list
    scores: list[int | None]
    labels: list
    changes: Changes | None = None
    is_rejected: bool = False

    @property
    def scored(self):
        """[(axis, score or None)]."""
        return list(zip(self.axes, self.scores, strict=True))

    @property
    def revised(self):
        return self.changes is not None


@dataclass
class AxisTrack:
    """One axis with everyone's score on it, and its tolerance."""

    axis: object
    tau: int
    scores: list[tuple[str, int]]

    @property
    def spread(self):
        """max − min of the scores; 0 without any."""
        values = [value for _, value in self.scores]
        return max(values) - min(values) if values else 0

    @property
    def diverges(self):
        return self.spread > self.tau

    @property
    def layout(self):
        return lay_out(self.scores, self.axis.scale)


@dataclass
class CaseFile:
    """A response with all that was said about it. `declined`: (who, reason) of experts who could not judge it.

    `superseded`: ratings that count no more, in the order given; `names`: what the lead reads for each person (by key).
    """

    response: object
    opinions: list[Opinion]
    tracks: list[AxisTrack]
    label_sets: list
    reasons: list[str]
    declined: list[tuple[str, str]]
    simulated: bool
    superseded: list[Rating]
    names: dict[int, str]

    @property
    def columns(self):
        """How many answers a rating has: a column each."""
        return len(self.tracks) + len(self.label_sets)

    @property
    def revisions(self):
        return [opinion for opinion in self.opinions if opinion.revised]


def open_file(response):
    """The CaseFile of a response."""
    return open_files([response])[0]


def open_files(responses):
    """The CaseFiles of some responses, in their order, read in a fixed number of statements."""
    ratings, superseded, declined, reasons = ({response.pk: [] for response in responses} for _ in range(4))
    for rating in Rating.objects.current().filter(response__in=responses).select_related("expert"):
        ratings[rating.response_id].append(rating)
    for rating in Rating.objects.superseded().filter(response__in=responses).select_related("expert"):
        superseded[rating.response_id].append(rating)
    keys = [rating.pk for each in ratings.values() for rating in each]
    given = load_answers(Rating, keys)
    rejected = rejected_of(keys)
    refusals = Involvement.objects.filter(response__in=responses, part=Involvement.Part.DECLINED)
    for refusal in refusals.select_related("user"):
        declined[refusal.response_id].append(refusal)
    found = DivergenceReason.objects.filter(
        divergence__response__in=responses, divergence__superseded_at=None
    )
    found = found.select_related("axis", "label_set", "asked_by").prefetch_related("values")
    for reason in found.annotate(response=F("divergence__response"), k=F("divergence__ratings_needed")):
        reasons[reason.response].append(reason)
    return [
        _file(
            each, ratings[each.pk], superseded[each.pk], given, declined[each.pk], reasons[each.pk], rejected
        )
        for each in responses
    ]


def _file(response, ratings, superseded, given, declined, reasons, rejected):
    policy = whole(response.stage.policy)
    people = [rating.expert for rating in [*ratings, *superseded]]
    people += [involvement.user for involvement in declined]
    names = name_people(response, people, blind=policy.blind_lead)
    tau = {each.axis_id: each.tau for each in policy.rules.all()}
    axes, label_sets = list(policy.rubric.axes.all()), list(policy.rubric.label_sets.all())
    opinions = [
        _opinion(rating, given[rating.pk], names, axes, label_sets, response.text) for rating in ratings
    ]
    for opinion in opinions:
        opinion.is_rejected = opinion.rating.pk in rejected
    opinions.sort(key=lambda opinion: (len(opinion.who), opinion.who))
    tracks = [
        AxisTrack(
            axis,
            tau[axis.pk],
            [(each.who, each.scores[index]) for each in opinions if each.scores[index] is not None],
        )
        for index, axis in enumerate(axes)
    ]
    scores = {track.axis.pk: [value for _, value in track.scores] for track in tracks}
    return CaseFile(
        response=response,
        opinions=opinions,
        tracks=tracks,
        label_sets=label_sets,
        reasons=[_tell(reason, scores, names, len(ratings)) for reason in reasons],
        declined=sorted((names[each.user_id], each.reason) for each in declined),
        simulated=any(rating.expert.is_simulated for rating in ratings),
        superseded=superseded,
        names=names,
    )


def name_people(response, people, *, blind):
    """{user key: what the lead reads}: names, or where the policy blinds leads "Expert A", "Expert B" …

    Who is A is drawn anew for every response, so that nobody can be followed from case to case, and stays the
    same for one response. It cannot be worked out without the server's secret key.
    """
    if not blind:
        return {user.pk: str(user) for user in people}
    drawn = sorted({user.pk for user in people}, key=lambda pk: _draw(response, pk))
    return {pk: f"Expert {_letters(place)}" for place, pk in enumerate(drawn)}


def _tell(reason, scores, names, given):
    match reason.kind:
        case Kind.SPREAD:
            given = scores[reason.axis_id]
            span = f"{min(given)} to {max(given)}"
            return f"{isolated(reason.axis.name)}: {span}, spread {reason.spread}, allowed {reason.tau}"
        case Kind.CONFLICT:
            answers = " against ".join(isolated(value.name) for value in reason.values.all())
            return f"{isolated(reason.label_set.name)}: {answers}"
        case Kind.ASKED:
            return f"{names.get(reason.asked_by_id, 'An expert')} asked for a senior"
        case Kind.UNJUDGEABLE:
            return f"Too few ratings: {given} of {reason.k}"
        case Kind.CORRECTED:
            return "A rating has changed since a lead decided"
        case Kind.REOPENED:
            return f"The decision was reopened: {reason.note}"
    raise ValueError(f"There is no reason of kind {reason.kind}.")


def _opinion(rating, answers, names, axes, label_sets, text):
    values = {value.pk: value for label_set in label_sets for value in label_set.values.all()}
    # Texts from before line ends were evened out differ in them alone.
    revised = tidy(rating.revised_response)
    return Opinion(
        who=names[rating.expert_id],
        rating=rating,
        axes=axes,
        scores=[answers.scores.get(axis.pk) for axis in axes],
        labels=[values.get(answers.labels.get(label_set.pk)) for label_set in label_sets],
        changes=word_diff(tidy(text), revised) if revised else None,
    )


def _draw(response, user_pk):
    return salted_hmac("arbitration.pseudonyms", f"{response.pk}:{user_pk}").hexdigest()


def _letters(place):
    """0 → A … 25 → Z, 26 → AA, as columns of a sheet are named."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
