"""The painting half of Easel, and all of it that the bot may import; importing loads no torch."""

from engine.card import ModelCard
from engine.cards import honoured_by
from engine.control_folder import ControlFolder
from engine.device import Device, inspect_device
from engine.engine import Engine, EngineOptions, Stats
from engine.enlarge import enlarge
from engine.errors import ModelError, PaintError, Sentence
from engine.events import (
    Cancelled,
    Described,
    Event,
    Explained,
    Failed,
    Painted,
    Preview,
    Progress,
    Weighed,
)
from engine.explanation import Explanation
from engine.few_steps import FewSteps, few_steps_for
from engine.honours import refusal
from engine.loras import LoraFolder
from engine.prompt import parse_prompt, take_loras
from engine.reference_folder import ReferenceFolder
from engine.request import (
    MOST_CHAOS,
    MOST_CONTROL,
    MOST_IMAGES,
    MOST_REFERENCES,
    MOST_STYLIZE,
    MOST_WEIRD,
    SEEDS,
    Reference,
    Request,
    cost,
)
from engine.samplers import normal_name as normal_sampler
from engine.vocabulary import Reading, read_request

__all__ = [
    "MOST_CHAOS",
    "MOST_CONTROL",
    "MOST_IMAGES",
    "MOST_REFERENCES",
    "MOST_STYLIZE",
    "MOST_WEIRD",
    "SEEDS",
    "Cancelled",
    "ControlFolder",
    "Described",
    "Device",
    "Engine",
    "EngineOptions",
    "Event",
    "Explained",
    "Explanation",
    "Failed",
    "FewSteps",
    "LoraFolder",
    "ModelCard",
    "ModelError",
    "PaintError",
    "Painted",
    "Preview",
    "Progress",
    "Reading",
    "Reference",
    "ReferenceFolder",
    "Request",
    "Sentence",
    "Stats",
    "Weighed",
    "cost",
    "enlarge",
    "few_steps_for",
    "honoured_by",
    "inspect_device",
    "normal_sampler",
    "parse_prompt",
    "read_request",
    "refusal",
    "take_loras",
]
