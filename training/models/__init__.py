from training.models.dataset import TrainingExample, TrainingSet
from training.models.run import GenerationRun, RunMeasure, TrainingRun

__all__ = ["GenerationRun", "RunMeasure", "TrainingExample", "TrainingRun", "TrainingSet"]
