"""Who may open the review pages."""

from hitlsite.pages import page, permitted, see_other

__all__ = ["page", "reviewers_only", "see_other"]

reviewers_only = permitted("review.view_trainingitem")
