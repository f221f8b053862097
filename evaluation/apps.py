from django.apps import AppConfig


class EvaluationConfig(AppConfig):
    name = "evaluation"

    def ready(self):
        from evaluation import gate
        from evaluation.near_pairs import compared
        from training import apart
        from training.gate import measuring

        apart.comparing.append(compared)
        measuring.append(gate.measure)
