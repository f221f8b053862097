from django.apps import AppConfig
from django.urls import register_converter

from core.stage_keys import StageKey


class CoreConfig(AppConfig):
    name = "core"

    def ready(self):
        register_converter(StageKey, "stage")
