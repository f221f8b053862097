"""Which Sentence-BERT model counts now."""

from django.conf import settings

from evaluation.models import Encoder


def encoder_in_force():
    """The encoder that the settings name, as it was last loaded; None while it has never been."""
    return Encoder.objects.filter(name=settings.ENCODER).order_by("-used_at", "-id").first()
