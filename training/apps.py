from django.apps import AppConfig


class TrainingConfig(AppConfig):
    name = "training"

    def ready(self):
        from core import removal
        from training import leaving

        removal.clearing.append(leaving.clear)
