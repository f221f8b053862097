"""How addresses name a stage: a turn by its number, others by kind and number: "0", "comparison-1"."""

from django.urls.converters import StringConverter


class StageKey(StringConverter):
    """In routes `<stage:stage_key>`; a view finds the stage by `project.stages.at(stage_key)`."""

    regex = "(?:comparison-|calibration-)?[0-9]{1,9}"
