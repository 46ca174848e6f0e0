"""What a model can do: read from its configuration files, before any weight is loaded."""

from dataclasses import dataclass

from engine.few_steps import FewSteps


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One model as the bot sees it; plain values, known without torch.

    `width` and `height` are the size of a tile it was trained for, in pixels. Tiles are delivered
    `delivery_scale` times larger than they are painted (1 for models that paint large).
    """

    name: str
    title: str
    family: str
    """`embedded`, `sd1`, `sd2`, `sdxl`, or `other` for what runs with diffusers' own defaults."""
    width: int
    height: int
    default_steps: int
    default_guidance: float
    max_steps: int = 100
    max_guidance: float = 30.0
    max_side: int = 2048
    size_multiple: int = 8
    delivery_scale: int = 1
    hd_strength: float = 0.35
    """How far a picture may leave its small self when `Request.hd` paints it large."""
    untrained: bool = False
    samplers: tuple[str, ...] = ()
    """What `Request.sampler` may be; the names of `engine.samplers`."""
    own_sampler: str = ""
    """The model's own sampler by that name; empty where it is none of them."""
    few_steps: FewSteps | None = None
    """How it paints by its LoRA for few steps, unless more is asked of it; None without one."""
    controls: str = ""
    """The folder of the ControlNets that came with it, if any did."""
    honours: frozenset[str] = frozenset()
    """What it can do beyond painting a prompt, of `engine.honours.EVERYTHING`."""
