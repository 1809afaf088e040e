"""The recipe: one YAML file, one strict section per stage.

In: a file or a dict, and `--set` overrides. Out: a frozen `Recipe`; a stage function receives its own
section of it, never the whole. The resolved form (every default filled in) is saved with the run.
Refuses (RecipeError) unknown keys, with a suggestion, wrong types, which are not coerced, and settings
that would have no effect.
"""

from __future__ import annotations

from talkwright.config.augment import AugmentSection, AugmentStep, EndpointSection, is_near
from talkwright.config.data import ArenaSection, Columns, DataSection, RuleSection, SourceSection
from talkwright.config.read import build_recipe, dump_recipe, load_recipe, parse_yaml, read_words
from talkwright.config.section import Section
from talkwright.config.sections import (
    CompareSection,
    EvaluateSection,
    Recipe,
    ReportSection,
    ServeSection,
    TemplateSection,
)
from talkwright.config.training import LoraSection, TrainSection, rate_beside_muon, share_recomputed

__all__ = [
    "ArenaSection",
    "AugmentSection",
    "AugmentStep",
    "Columns",
    "CompareSection",
    "DataSection",
    "EndpointSection",
    "EvaluateSection",
    "LoraSection",
    "Recipe",
    "ReportSection",
    "RuleSection",
    "Section",
    "ServeSection",
    "SourceSection",
    "TemplateSection",
    "TrainSection",
    "build_recipe",
    "dump_recipe",
    "is_near",
    "load_recipe",
    "parse_yaml",
    "rate_beside_muon",
    "read_words",
    "share_recomputed",
]
