from training.models.dataset import ExampleMessage, TrainingExample, TrainingSet
from training.models.group import RunGroup
from training.models.promotion import Promotion
from training.models.run import GenerationRun, Precision, RunMeasure, TrainingRun

__all__ = [
    "ExampleMessage",
    "GenerationRun",
    "Precision",
    "Promotion",
    "RunGroup",
    "RunMeasure",
    "TrainingExample",
    "TrainingRun",
    "TrainingSet",
]
