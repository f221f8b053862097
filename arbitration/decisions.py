"""What a lead sets down: checking it whole, and writing it."""

from dataclasses import dataclass, field

from arbitration.models import Decision, DecisionLabel, DecisionScore
from core.errors import InvalidInput
from core.models.rubric import HIGHEST_SCORE, LOWEST_SCORE

LONGEST_RATIONALE = 50_000
UNDECIDED = "The decision is not complete yet."


@dataclass(frozen=True)
class Consensus:
    """A checked decision: scores by axis row, answers (label value rows) by label set row, and why."""

    rationale: str
    scores: dict = field(default_factory=dict)
    labels: dict = field(default_factory=dict)


class Undecided(InvalidInput):
    """A decision with faults. `faults` maps the field ("score-KEY", "label-KEY", "rationale") to its fault."""

    def __init__(self, faults):
        super().__init__(UNDECIDED, list(faults.values()))
        self.faults = faults


def check_consensus(policy, *, scores, labels, rationale):
    """The Consensus that the given keys and values make under a policy. Raises Undecided with every fault."""
    faults = {}
    found_scores, found_labels = {}, {}
    axes = {axis.key: axis for axis in policy.rubric.axes.all()}
    for key, axis in axes.items():
        value = scores.get(key)
        if value is None:
            faults[f"score-{key}"] = f"Choose a score for {axis.name}."
        elif type(value) is not int or not LOWEST_SCORE <= value <= HIGHEST_SCORE:
            faults[f"score-{key}"] = (
                f"{axis.name} takes a whole number from {LOWEST_SCORE} to {HIGHEST_SCORE}."
            )
        else:
            found_scores[axis] = value
    label_sets = {labels.key: labels for labels in policy.rubric.label_sets.prefetch_related("values")}
    for key, label_set in label_sets.items():
        answer = labels.get(key)
        if not answer:
            if label_set.required:
                faults[f"label-{key}"] = f"Choose an answer for {label_set.name}."
            continue
        value = next((value for value in label_set.values.all() if value.key == answer), None)
        if value is None:
            faults[f"label-{key}"] = f"“{answer}” is no answer of {label_set.name}."
        else:
            found_labels[label_set] = value
    for key in set(scores) - set(axes):
        faults[f"score-{key}"] = f"The rubric has no axis “{key}”."
    for key in set(labels) - set(label_sets):
        faults[f"label-{key}"] = f"The rubric has no label set “{key}”."
    try:
        rationale = check_rationale(rationale).rationale
    except Undecided as undecided:
        faults |= undecided.faults
    if faults:
        raise Undecided(faults)
    return Consensus(rationale, found_scores, found_labels)


def check_rationale(rationale):
    """A Consensus of nothing but its rationale, as an exclusion needs it. Raises Undecided without one."""
    if not rationale.strip():
        raise Undecided({"rationale": "Say in a sentence why you decide so."})
    if len(rationale) > LONGEST_RATIONALE:
        raise Undecided({"rationale": f"Keep the rationale under {LONGEST_RATIONALE:,} characters."})
    if "\x00" in rationale:
        raise Undecided({"rationale": "Remove the unprintable character (NUL) from the rationale."})
    return Consensus(rationale.strip())


def write_decision(case, outcome, consensus, *, submission, now):
    """Store a checked decision on a case."""
    decision = Decision.objects.create(
        case=case,
        lead_id=case.lead_id,
        policy=case.response.stage.policy,
        outcome=outcome,
        rationale=consensus.rationale,
        submission=submission,
        created_at=now,
    )
    DecisionScore.objects.bulk_create(
        DecisionScore(decision=decision, axis=axis, value=value) for axis, value in consensus.scores.items()
    )
    DecisionLabel.objects.bulk_create(
        DecisionLabel(decision=decision, label_set=label_set, value=value)
        for label_set, value in consensus.labels.items()
    )
    return decision
