"""PURE. What a reader of the report must know before believing it, in words."""

from dataclasses import dataclass

FEW_PROMPTS = 200
REASONS_SHOWN = 3


@dataclass(frozen=True)
class Basis:
    """What a stage's numbers rest on. `raters`: who rated, by any identity; `mixed`: people and simulated experts;
    `identical`: pairs of raters with the very same answers."""

    title: str
    prompts: int
    responses: int
    cut_off: int
    not_judged: int
    excluded: int
    set_aside: int
    set_aside_because: tuple
    unanswered: int
    policy_version: int
    raters: frozenset
    simulated: bool
    mixed: bool
    refusals: int
    truncated_prompts: int
    truncated_responses: int
    lacking_variety: tuple = ()
    identical: int = 0


def caveats_of(bases, comparisons=(), neighbours=None, is_blind=False):
    """Sentences for the stages given (those with final labels, in order) and the comparisons of them, most important
    first. `neighbours`: see report_parts.Report; `is_blind`: they are the model versions of one comparison stage."""
    if not bases:
        return []
    said = []
    if any(basis.simulated for basis in bases):
        which = _list([basis.title for basis in bases if basis.simulated])
        said.append(
            f"{which} rest{'s' if sum(basis.simulated for basis in bases) == 1 else ''} on ratings by simulated "
            "experts, not by people: these numbers show that the loop runs, not that a model is good."
        )
    if mixed := [basis.title for basis in bases if basis.mixed]:
        said.append(
            f"In {_list(mixed)} people and simulated experts both rated, and their scores count together in one mean: "
            "read it as neither’s."
        )
    if identical := max(basis.identical for basis in bases):
        pairs = "Two raters" if identical == 1 else f"{identical} pairs of raters"
        said.append(
            f"{pairs} gave the very same answers to everything that both rated. The stage’s agreement panel names "
            "them: ask whether they judged apart from each other."
        )
    if len(bases) > 1 and not is_blind:
        said.append(
            "Each stage was rated in a round of its own. Experts who have become milder or stricter since then look "
            "just like a better or worse model, and no test on this page can tell the two apart. Only rating old and "
            "new responses blind, mixed and at one time does."
        )
        if len({basis.raters for basis in bases}) > 1:
            said.append("Not all stages were rated by the same experts, so part of a change may be theirs.")
        if len({basis.policy_version for basis in bases}) > 1:
            versions = ", ".join(f"{basis.title}: v{basis.policy_version}" for basis in bases)
            said.append(
                f"The rubric or policy changed between stages ({versions}): scores on an axis whose questions or "
                "anchors changed, and shares under other cuts or another γ, do not mean the same."
            )
    fewest = min(basis.prompts for basis in bases)
    if power := list(_power(comparisons, is_blind)):
        said += power
    elif fewest < FEW_PROMPTS:
        said.append(f"{fewest} held-out prompts are few: only large changes will show on them.")
    if neighbours and neighbours[0]:
        said.append(
            f"{neighbours[0]} of {neighbours[1]} held-out prompts say nearly the same as a training prompt (a cosine "
            "of 0.9 or more): part of a gain may be learned by heart."
        )
    if not is_blind:
        said.append(
            "Each stage is one training run with one seed and one draw of answers; another seed would give other "
            "numbers."
        )
    said += _cut_off(bases)
    said += _endings(comparisons)
    if excluded := sum(basis.excluded for basis in bases):
        what = (
            "response that a lead excluded counts" if excluded == 1 else "responses that leads excluded count"
        )
        said.append(f"{excluded} held-out {what} in no mean or share of the ratings.")
    if open_ones := sum(basis.not_judged for basis in bases):
        said.append(
            f"{open_ones} held-out response{'' if open_ones == 1 else 's'} ended without a verdict of the experts or a "
            "lead: not judged, and in no share of the classes."
        )
    for basis in bases:
        said += _missing(basis)
    if lacking := list(dict.fromkeys(name for basis in bases for name in basis.lacking_variety)):
        said.append(
            f"On {_list(lacking)} nearly all ratings are the same value. Krippendorff’s α is low or undefined there "
            "however well the experts agree, because chance alone would agree as often: read Gwet’s AC and the share "
            "on which all said the same."
        )
    if any(basis.refusals for basis in bases):
        said.append(
            "A correct refusal has a lower cosine with its prompt than an answer, the lower the less it repeats of the "
            "topic, so the cosine is shown apart for refusals. It finds answers off the topic and says nothing on "
            "safety."
        )
    return said


def _cut_off(bases):
    if any(basis.cut_off for basis in bases):
        shares = _list([f"{100 * basis.cut_off / basis.responses:.0f} % of {basis.title}" for basis in bases])
        yield (
            f"Answers that reached their token limit and were cut off: {shares}. An answer that comes to its end reads "
            "better whatever it says, so part of a change may be that alone."
        )


def _endings(comparisons):
    """What of the base's change comes with answers that were cut off, on the axis where that is most."""
    if not (latest := [each for each in comparisons if each.before_number == 0][-1:]):
        return
    parts = [change for change in latest[0].changes if change.endings is not None]
    if parts:
        most = max(parts, key=lambda change: abs(change.endings.part))
        endings = most.endings
        yield (
            f"From {latest[0].before} to {latest[0].after} “{most.name}” changed by {endings.whole:+.2f}: "
            f"{endings.part:+.2f} of that came with the {endings.changed} of {endings.prompts} "
            "prompts where the answer was cut off in one of the two and not in the other, and "
            f"{endings.whole - endings.part:+.2f} with all others."
        )


def _missing(basis):
    """What a stage's numbers rest on less than on all of its held-out prompts."""
    if basis.set_aside:
        were = "response of {} was" if basis.set_aside == 1 else "responses of {} were"
        why = _list([f"“{reason}”" for reason in basis.set_aside_because[:REASONS_SHOWN]])
        more = len(basis.set_aside_because) - REASONS_SHOWN
        yield (
            f"{basis.set_aside} held-out {were.format(basis.title)} set aside: {why}"
            f"{f', and {more} more reasons' if more > 0 else ''}. Nothing here counts them."
        )
    if basis.unanswered:
        prompts = "prompt" if basis.unanswered == 1 else "prompts"
        yield f"The model of {basis.title} could not answer {basis.unanswered} held-out {prompts}."
    if basis.truncated_prompts or basis.truncated_responses:
        counts = ((basis.truncated_prompts, "prompt"), (basis.truncated_responses, "response"))
        which = _list([f"{n} held-out {what}{'' if n == 1 else 's'}" for n, what in counts if n])
        yield (
            f"Sentence-BERT read no more than the beginning of {which} of {basis.title}: what comes after it, often "
            "the question itself, is in no cosine."
        )


def _power(comparisons, is_blind):
    """How small a change the latest comparison could find, for the share that matters most."""
    changes = comparisons[-1].changes if comparisons else ()
    for change in changes:
        if change.key == "misaligned" and change.detectable is not None:
            family = [each for other in comparisons for each in other.changes] if is_blind else changes
            tests = sum(
                each.difference.p is not None and (each.registered or not is_blind) for each in family
            )
            points = f"{100 * change.detectable:.0f} percentage points"
            yield (
                f"{change.difference.n} prompts whose answers change as these do, and {tests} "
                f"figure{'' if tests == 1 else 's'} tested at once, find a change of the misaligned share eight times "
                f"in ten if it is {points} or more, and a smaller one less often. “Not significant” is not “no change”."
            )


def _list(words):
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
