from django.db import models


class Guess(models.Model):
    """How many sign-ins were tried and not found right since a moment, of one kind that is counted together.

    `key` is a digest of what they have in common: an account, an address, or both (core/signing_in.py). It holds for
    all processes; old rows are swept away.
    """

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField()
    since = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "guesses"

    def __str__(self):
        return f"{self.count} since {self.since:%H:%M}"
