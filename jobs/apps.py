from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"

    def ready(self):
        from core import removal
        from jobs import leaving, queries

        removal.hindrances.append(queries.at_work)
        removal.clearing.append(leaving.clear)
