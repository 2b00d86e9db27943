"""Examines everything that a worker needs, and says of each finding what to do about it."""

from streams.doctor.examination import CHECKS, Case, Check, examine
from streams.doctor.finding import Finding, Verdict

__all__ = ["CHECKS", "Case", "Check", "Finding", "Verdict", "examine"]
