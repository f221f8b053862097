from core.models.audit import AuditEvent
from core.models.gate import GateRule, Measure
from core.models.guess import Guess
from core.models.guidelines import Guidelines
from core.models.people import Membership, User
from core.models.policy import AxisRule, Policy
from core.models.project import Project
from core.models.rubric import Axis, AxisAnchor, LabelSet, LabelValue, Rubric
from core.models.session import Session
from core.models.stage import ModelVersion, Stage

__all__ = [
    "AuditEvent",
    "Axis",
    "AxisAnchor",
    "AxisRule",
    "GateRule",
    "Guess",
    "Guidelines",
    "LabelSet",
    "LabelValue",
    "Measure",
    "Membership",
    "ModelVersion",
    "Policy",
    "Project",
    "Rubric",
    "Session",
    "Stage",
    "User",
]
