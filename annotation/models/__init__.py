"""The rows of annotation.

A foreign key that an index or constraint of several columns begins with, or that nobody searches by (the axis of
a score), has no index of its own (`db_index=False`): each would cost a write with every rating.
"""

from annotation.models.assignment import Assignment, Draft, Involvement, QueueCursor
from annotation.models.chosen import ChosenRater, WantedAnswer
from annotation.models.divergence import Divergence, DivergenceReason
from annotation.models.leftover import SettingAside, Shortfall, Unanswered
from annotation.models.pair import Choice, Pair, PairDecline, PairDraft, PairSlot, Preference
from annotation.models.prompt import Prompt, PromptMessage, PromptTag, load_earlier
from annotation.models.rating import Rating, RatingLabel, RatingScore
from annotation.models.reference import ReferenceLabel, ReferenceLabelValue, ReferenceScore
from annotation.models.response import Response, Sampling
from annotation.models.retraction import RetractedRating, Retraction
from annotation.models.returning import Return
from annotation.models.words import PromptWords

__all__ = [
    "Assignment",
    "Choice",
    "ChosenRater",
    "Divergence",
    "DivergenceReason",
    "Draft",
    "Involvement",
    "Pair",
    "PairDecline",
    "PairDraft",
    "PairSlot",
    "Preference",
    "Prompt",
    "PromptMessage",
    "PromptTag",
    "PromptWords",
    "QueueCursor",
    "Rating",
    "RatingLabel",
    "RatingScore",
    "ReferenceLabel",
    "ReferenceLabelValue",
    "ReferenceScore",
    "Response",
    "RetractedRating",
    "Retraction",
    "Return",
    "Sampling",
    "SettingAside",
    "Shortfall",
    "Unanswered",
    "WantedAnswer",
    "load_earlier",
]
