"""Who may open the review pages."""

from hitlsite.pages import permitted

reviewers_only = permitted("review.view_trainingitem")
