from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"

    def ready(self):
        from core import audit_params, removal
        from jobs import leaving, queries

        removal.hindrances.append(queries.at_work)
        removal.clearing.append(leaving.clear)
        audit_params.tellers.append(queries.reason_in_event)
