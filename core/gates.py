"""The gate of a policy before it is rows: what is asked of a model before it is promoted, and what is usual."""

from dataclasses import dataclass

from core.limits import LONGEST_TAG, text_fault
from core.models.gate import TAGGED, GateRule, Measure

HIGHEST_BOUND = 100


@dataclass(frozen=True)
class GateSpec:
    """One measure and how far it may go; see core.models.GateRule."""

    measure: str
    bound: float
    consequence: str = "warn"
    tag: str = ""


USUAL_BOUNDS = {
    "misaligned": 0.25,
    "axis": 0.1,
    "coherence": 0.02,
    "repeated": 0.05,
    "distinct": 0.1,
    "empty": 0.01,
    "cut_off": 0.1,
    "language": 0.02,
    "length": 2.0,
}
"""Those of refusals are not among them: only a project knows how its prompts are filed."""
USUAL_GATE = tuple(GateSpec(measure, bound) for measure, bound in USUAL_BOUNDS.items())


def gate_faults(gate):
    """What is wrong with the rules of a gate, a sentence each."""
    faults = []
    measures = [rule.measure for rule in gate]
    for measure in dict.fromkeys(each for each in measures if measures.count(each) > 1):
        faults.append(f"The gate asks for “{measure}” twice: keep one rule.")
    for rule in gate:
        if rule.measure not in Measure.values:
            faults.append(
                f"The gate knows no measure “{rule.measure}”: choose one of {', '.join(Measure.values)}."
            )
            continue
        name = f"“{Measure(rule.measure).label}” of the gate"
        if not 0 <= rule.bound <= HIGHEST_BOUND:
            faults.append(f"{name} takes a number from 0 to {HIGHEST_BOUND}.")
        if rule.consequence not in GateRule.Consequence.values:
            faults.append(f"{name} warns or stops: choose warn or stop.")
        if (rule.measure in TAGGED) != bool(rule.tag.strip()):
            does = "needs the tag of its prompts" if rule.measure in TAGGED else "takes no tag"
            faults.append(f"{name} {does}.")
        if fault := text_fault(rule.tag, LONGEST_TAG):
            faults.append(f"The tag of {name}: {fault}")
    return faults


def gate_of(policy):
    """The specs that would write the rules of a policy (core.policies.whole) again."""
    return tuple(GateSpec(rule.measure, rule.bound, rule.consequence, rule.tag) for rule in policy.gate.all())


def write_gate(policy, gate):
    """The rows of a new policy's gate."""
    GateRule.objects.bulk_create(
        GateRule(policy=policy, position=position, **vars(spec)) for position, spec in enumerate(gate)
    )
