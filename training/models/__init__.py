from training.models.dataset import ExampleMessage, TrainingExample, TrainingSet
from training.models.group import RunGroup
from training.models.promotion import Promotion
from training.models.rehearsal import Rehearsal
from training.models.run import ExampleLoss, GenerationRun, Precision, RunMeasure, TrainingRun

__all__ = [
    "ExampleLoss",
    "ExampleMessage",
    "GenerationRun",
    "Precision",
    "Promotion",
    "Rehearsal",
    "RunGroup",
    "RunMeasure",
    "TrainingExample",
    "TrainingRun",
    "TrainingSet",
]
