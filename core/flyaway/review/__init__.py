"""Looking over a job: numbers a frame (`measure`), one HTML page and a contact sheet (`page`, `run`)."""

from flyaway.review.check import EdgeCheck, FrameCheck, Review
from flyaway.review.measure import review_frames
from flyaway.review.run import ReviewOptions, make_review

__all__ = ["EdgeCheck", "FrameCheck", "Review", "ReviewOptions", "make_review", "review_frames"]
