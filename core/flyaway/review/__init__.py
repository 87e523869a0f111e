"""Looking over a job: numbers a frame (`measure`), one HTML page and a contact sheet (`page`, `run`)."""

from flyaway.review.measure import FrameCheck, Review, review_frames
from flyaway.review.run import ReviewOptions, make_review

__all__ = ["FrameCheck", "Review", "ReviewOptions", "make_review", "review_frames"]
