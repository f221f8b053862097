from training.models.dataset import TrainingExample, TrainingSet
from training.models.promotion import Promotion
from training.models.run import GenerationRun, RunMeasure, TrainingRun

__all__ = ["GenerationRun", "Promotion", "RunMeasure", "TrainingExample", "TrainingRun", "TrainingSet"]
