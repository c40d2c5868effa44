"""The planner: a small language model that writes the plan of a piece from its prompt.

The division of labour is MeLoDy's (arXiv 2305.15719): a language model decides what happens when,
diffusion makes it sound.
"""

from longform.planner.config import PlannerConfig
from longform.planner.model import Planner

__all__ = ["Planner", "PlannerConfig"]
