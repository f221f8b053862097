from training.models.alias import ModelAlias
from training.models.dataset import ExampleMessage, TrainingExample, TrainingSet
from training.models.gate import WORST_LAST, Gate, GateFigure, PromotionRequest, Unmeasured, Verdict
from training.models.group import RunGroup
from training.models.promotion import Promotion
from training.models.rehearsal import Rehearsal
from training.models.run import ExampleLoss, GenerationRun, Precision, RunMeasure, TrainingRun
from training.models.source import TrainingSource

__all__ = [
    "ExampleLoss",
    "ExampleMessage",
    "WORST_LAST",
    "Gate",
    "GateFigure",
    "GenerationRun",
    "ModelAlias",
    "Precision",
    "Promotion",
    "Rehearsal",
    "RunGroup",
    "PromotionRequest",
    "RunMeasure",
    "TrainingExample",
    "TrainingRun",
    "TrainingSet",
    "TrainingSource",
    "Unmeasured",
    "Verdict",
]
