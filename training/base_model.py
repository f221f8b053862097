"""Which untrained model a project begins with."""

import re
from pathlib import Path

from django.conf import settings
from django.db import transaction

from core import audit
from core.errors import Conflict, InvalidInput, NotAllowed
from core.locks import lock_project
from core.models import Project
from core.projects import BASE_MODEL_NAME
from training.endpoints import check_endpoint, is_endpoint
from training.trainer.sources import PREFIX

LONGEST = Project._meta.get_field("base_model").max_length
NAME = re.compile(rf"(?:{PREFIX})?[\w][\w.-]*|[\w][\w.-]*/[\w][\w.-]*", re.ASCII)


def is_begun(project):
    """Whether the base model has been put to use, so that it stays what it is."""
    return project.model_versions.filter(name=BASE_MODEL_NAME).exists()


@transaction.atomic
def choose_base_model(*, project, location, by, now):
    """Choose where the project's base model comes from: hub id, package:NAME, folder, or "" for that of the settings.

    Whether it can be loaded shows when it is first asked. Raises InvalidInput for what names no model, NotAllowed for a
    folder that somebody names who is no admin of the site, Conflict once the base model is in use.
    """
    location = location.strip()
    if location and location != settings.BASE_MODEL:
        _check(location, by)
    row = lock_project(project)
    if is_begun(project):
        raise Conflict(
            "The base model of this project is in use already: a copy of the project can have another."
        )
    if row.base_model != location:
        Project.objects.filter(pk=project.pk).update(base_model=location)
        audit.record("project:model", project, by=by, now=now, params={"location": location})
    project.base_model = location


def _check(location, by):
    if is_endpoint(location):
        if len(location) > LONGEST:
            raise InvalidInput(f"This is longer than {LONGEST} characters.")
        return check_endpoint(location)
    is_folder = Path(location).is_absolute()
    if len(location) > LONGEST or not (is_folder or NAME.fullmatch(location)):
        raise InvalidInput(
            "This names no model: give a hub id such as owner/name, package:NAME, an absolute folder, or "
            "openai:URL#MODEL for one behind an endpoint."
        )
    if is_folder and by is not None and not by.is_staff:
        raise NotAllowed(
            "A folder of this machine can be named by an admin of the site alone: give a hub id."
        )
