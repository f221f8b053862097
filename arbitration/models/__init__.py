from arbitration.models.case import Case, Decision, DecisionLabel, DecisionScore
from arbitration.models.label import FinalLabel, FinalLabelValue, FinalScore
from arbitration.models.revision import AcceptedRevision, RejectedRevision

__all__ = [
    "AcceptedRevision",
    "Case",
    "Decision",
    "DecisionLabel",
    "DecisionScore",
    "FinalLabel",
    "FinalLabelValue",
    "FinalScore",
    "RejectedRevision",
]
