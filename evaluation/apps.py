from django.apps import AppConfig


class EvaluationConfig(AppConfig):
    name = "evaluation"

    def ready(self):
        from evaluation.near_pairs import compared
        from training import apart
        from training.gate import measuring

        apart.comparing.append(compared)
        measuring.append(measure_for_gate)


def measure_for_gate(stage, model_version, rules):
    """gate.measure; what it reckons with is loaded only once a gate is asked (see keeping.py)."""
    from evaluation.gate import measure

    return measure(stage, model_version, rules)
