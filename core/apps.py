from django.apps import AppConfig
from django.urls import register_converter

from core import addresses
from core.stage_keys import StageKey


class CoreConfig(AppConfig):
    name = "core"

    def ready(self):
        register_converter(StageKey, "stage")
        for kind, converter in addresses.converters().items():
            register_converter(converter, kind)
