from training.models.dataset import ExampleMessage, TrainingExample, TrainingSet
from training.models.promotion import Promotion
from training.models.run import GenerationRun, RunMeasure, TrainingRun

__all__ = [
    "ExampleMessage",
    "GenerationRun",
    "Promotion",
    "RunMeasure",
    "TrainingExample",
    "TrainingRun",
    "TrainingSet",
]
