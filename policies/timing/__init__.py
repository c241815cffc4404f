"""When a retry is likely to succeed: candidate times, an explainable model, one choice."""

from policies.timing.candidates import MOST, Candidate, candidate_times, spread_of
from policies.timing.choose import FIRST, Chosen, choose, is_chosen
from policies.timing.model import SHIPPED, TimingModel, load_model

__all__ = [
    "FIRST",
    "MOST",
    "SHIPPED",
    "Candidate",
    "Chosen",
    "TimingModel",
    "candidate_times",
    "choose",
    "is_chosen",
    "load_model",
    "spread_of",
]
