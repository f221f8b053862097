from django.apps import AppConfig


class EvaluationConfig(AppConfig):
    name = "evaluation"

    def ready(self):
        from evaluation.near_pairs import compared
        from training import apart

        apart.comparing.append(compared)
