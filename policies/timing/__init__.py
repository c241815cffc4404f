"""When a retry is likely to succeed: candidate times, an explainable model, one choice."""

from policies.timing.candidates import MOST, Candidate, candidate_times, spread_of
from policies.timing.choose import Chosen, choose
from policies.timing.model import SHIPPED, TimingModel, load_model

__all__ = [
    "MOST",
    "SHIPPED",
    "Candidate",
    "Chosen",
    "TimingModel",
    "candidate_times",
    "choose",
    "load_model",
    "spread_of",
]
