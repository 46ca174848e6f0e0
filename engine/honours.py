"""What a request asks of a model beyond painting a prompt, and whether the model can; no torch."""

from engine.card import ModelCard
from engine.errors import N_, Sentence
from engine.request import Request

UNET_FAMILIES = frozenset({"embedded", "sd1", "sd2", "sdxl"})
EVERYTHING = frozenset(
    {
        "negative_prompt",
        "image",
        "inpaint",
        "outpaint",
        "tile",
        "stop",
        "lora",
        "sampler",
        "prompt_weights",
        "control",
        "chaos",
        "stylize",
        "weird",
        "hd",
        "blend",
    }
)
BY_REFERENCES = frozenset({"reference", "style", "character"})
"""What IP-Adapters add, for the families that there are such for."""
AT_LEAST = frozenset({"image", "negative_prompt"})
"""What is believed of a model of another family until it is open."""
WORDS = {
    "image": N_("The model {model} cannot start from a picture."),
    "inpaint": N_("The model {model} cannot paint anew a part of a picture."),
    "outpaint": N_("The model {model} cannot paint around a picture."),
    "tile": N_("The model {model} cannot paint seamless tiles."),
    "stop": N_("The model {model} cannot stop early."),
    "lora": N_("The model {model} cannot take LoRAs."),
    "control": N_("The model {model} cannot be led by a control picture."),
    "chaos": N_("The model {model} cannot spread its pictures by chaos."),
    "stylize": N_("The model {model} cannot take a house style."),
    "weird": N_("The model {model} cannot paint weird pictures."),
    "hd": N_("The model {model} cannot paint a picture again at twice its size."),
    "blend": N_("The model {model} cannot blend pictures."),
    "reference": N_(
        "The model {model} cannot look at pictures beside the prompt: there is no "
        "IP-Adapter for it here."
    ),
    "style": N_(
        "The model {model} cannot take the style of a picture: there is no IP-Adapter for it here."
    ),
    "character": N_(
        "The model {model} cannot take a person from a picture: that needs an "
        "IP-Adapter for it, and one for faces."
    ),
    "sampler": N_("The model {model} cannot paint by another sampler than its own."),
    "few_steps": N_("The model {model} cannot paint in few steps: its LoRA for that is missing."),
}
"""How to say that it cannot; what is not here (weights of words) is left out without a word."""


def wanted(request: Request) -> frozenset[str]:
    """Name what the request needs of a model, in the words of `ModelCard.honours`."""
    kinds = {one.kind for one in request.references}
    needs = {
        "image": request.image is not None and not (request.mask or request.margins),
        "inpaint": request.mask is not None,
        "outpaint": request.margins is not None,
        "tile": request.tile,
        "stop": request.stop < 1,
        "lora": bool(request.loras),
        "sampler": bool(request.sampler),
        "control": request.control is not None,
        "chaos": request.chaos > 0,
        "stylize": request.stylize > 0,
        "weird": request.weird > 0,
        "hd": request.hd,
        "blend": bool(request.images),
        "reference": "image" in kinds,
        "style": "style" in kinds,
        "character": bool(kinds & {"figure", "face"}),
    }
    return frozenset(name for name, is_needed in needs.items() if is_needed)


def refusal(card: ModelCard, request: Request) -> Sentence | None:
    """Say in a sentence what the model cannot do of a request, or None if it can do all."""
    if request.few_steps and card.few_steps is None:
        return Sentence(WORDS["few_steps"], model=card.name)
    missing = sorted(wanted(request) - card.honours)
    if missing:
        return Sentence(WORDS[missing[0]], model=card.name)
    if request.sampler and request.sampler not in card.samplers:
        offered = ", ".join(card.samplers)
        return Sentence(
            "The model {model} cannot paint by {sampler}; it can by {offered}.",
            model=card.name,
            sampler=request.sampler,
            offered=offered,
        )
    return None
