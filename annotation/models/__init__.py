from annotation.models.assignment import Assignment, Draft, Involvement, QueueCursor
from annotation.models.divergence import Divergence, DivergenceReason
from annotation.models.prompt import Prompt, PromptTag
from annotation.models.rating import Rating, RatingLabel, RatingScore
from annotation.models.response import Response, Sampling

__all__ = [
    "Assignment",
    "Divergence",
    "DivergenceReason",
    "Draft",
    "Involvement",
    "Prompt",
    "PromptTag",
    "QueueCursor",
    "Rating",
    "RatingLabel",
    "RatingScore",
    "Response",
    "Sampling",
]
