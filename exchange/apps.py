from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    name = "exchange"

    def ready(self):
        from core import removal
        from exchange import leaving

        removal.clearing.append(leaving.clear)
