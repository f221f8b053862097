"""What training leaves behind of a deleted project: the weights of its models and the files of its training sets."""

import shutil

from django.core.files.storage import default_storage

from training.dataset import file_of
from training.model_store import ARTIFACT, place_of
from training.models import TrainingSet


def clear(project):
    """Remove what no other project has as well; what is gone already is passed over."""
    for model in project.model_versions.filter(location__startswith=ARTIFACT):
        shutil.rmtree(place_of(model.location.removeprefix(ARTIFACT)), ignore_errors=True)
    for training_set in TrainingSet.objects.filter(stage__project=project):
        if (
            not TrainingSet.objects.filter(sha256=training_set.sha256)
            .exclude(stage__project=project)
            .exists()
        ):
            default_storage.delete(file_of(training_set))
