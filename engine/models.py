"""Opening a model: a source becomes diffusers pipelines on a device. Safetensors only."""

import copy
import inspect
import logging
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    AutoPipelineForText2Image,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)

from engine.adapters import Adapters
from engine.adapters import State as Loras
from engine.card import ModelCard
from engine.cards import read_card
from engine.control_folder import ControlFolder
from engine.controls import Controls
from engine.device import arrange, choose_device, choose_dtype
from engine.embeddings import PromptCache
from engine.errors import N_, ModelError, PaintError, Sentence
from engine.facade import Denoiser, JobVae, stand_on
from engine.files import check_folder, read_header, read_json
from engine.honours import EVERYTHING, UNET_FAMILIES
from engine.latents import LatentCache
from engine.loras import LoraFolder
from engine.offload import Offload, count_bytes
from engine.preview import Previewer
from engine.reference_folder import ReferenceFolder
from engine.references import References
from engine.references import State as Looks
from engine.request import Request
from engine.routes import ROUTED
from engine.samplers import copy_scheduler, fit_steps, make_scheduler
from engine.source import Kind, Source, look_in_cache
from engine.twins import FEW, Twins, prefix_of
from engine.untrained import make_untrained

log = logging.getLogger(__name__)

UNCHECKED = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
TOO_LARGE = N_("{model} is too large for this machine's memory: {first}")
NOT_OPENED = N_("{model} could not be opened: {first}")
NOT_FETCHED = N_(
    "{model} is not on this machine and could not be fetched from the hub ({first}): connect to "
    "the network once, check the name and your access to it, or set MODEL to a local diffusers "
    "folder."
)
NO_CONFIGURATION = N_(
    "{model} needs its configuration, which could not be fetched from the hub: connect to the "
    "network once, or set MODEL_CONFIG to a local diffusers folder of the same kind of model. "
    "({first})"
)
TRAILING = re.compile("turbo|lightning|hyper|dmd2")
"""Few-step models were distilled on the last steps of a schedule, not the first."""


State = tuple[Loras, Looks]
"""The LoRAs and the IP-Adapters at work in a module."""


@dataclass(frozen=True, slots=True)
class Model:
    """An open model: its pipelines are shared, so each job paints with a view of its own."""

    card: ModelCard
    text_to_image: Any
    image_to_image: Any | None
    previewer: Previewer
    inpainting: Any | None
    twins: Twins
    adapters: Adapters
    controls: Controls
    references: References
    device: torch.device
    offload: Offload | None = None
    """Where its weights are too large for the device."""
    prompts: PromptCache = field(default_factory=PromptCache)
    latents: LatentCache = field(default_factory=LatentCache)
    schedulers: dict[str, Any] = field(default_factory=dict)
    """By the names of samplers; each job has a copy."""

    @property
    def size_bytes(self) -> int:
        """What all weights take, those of ControlNets and IP-Adapters too."""
        parts = [
            *self.text_to_image.components.values(),
            *self.controls.nets,
            *self.references.modules,
            *self.twins.weighty,
        ]
        return sum(count_bytes(part) for part in parts if isinstance(part, torch.nn.Module))

    def states(self, request: Request) -> dict[str, State]:
        """Return the state of each module that a request wants switched; nothing is loaded.

        Raises:
            PaintError: a LoRA or an IP-Adapter that it wants is not there.

        """
        loras, references = self.adapters.states(request), self.references.states(request)
        return {
            part: (loras.get(part, ()), references.get(part, ()))
            for part in {**loras, **references}
        }

    def activate(self, part: str, state: State | None) -> None:
        """Switch a module to a state; None is neither LoRAs nor IP-Adapters."""
        loras, references = state or ((), ())
        self.adapters.switch(part, loras)
        self.references.activate(part, references)

    def view(self, request: Request) -> Any:
        """Give one job its own pipeline object and scheduler over the same weights."""
        base = self.text_to_image
        if request.starts:
            is_whole = request.mask is None and request.margins is None
            base = self.image_to_image if is_whole else self.inpainting
        if base is None:
            raise PaintError(
                Sentence("The model {model} cannot start from a picture.", model=self.card.name)
            )
        is_masked = base is self.inpainting
        if request.control is not None:
            base = self.controls.join(base, request.control_kind)
        view = copy.copy(base)
        stand_on(view, self.device)
        scheduler = copy_scheduler(self._scheduler(request.sampler))
        view.scheduler = fit_steps(scheduler, request.num_inference_steps)
        if not is_masked and wants_mask(view):
            raise PaintError(
                Sentence(
                    "The model {model} only paints anew what a mask or margins leave free: it "
                    "needs a picture with one of them.",
                    model=self.card.name,
                )
            )
        # why vars: a pipeline writes down the class of each part that is set, and these have none
        parts = vars(view)
        parts |= self.twins.standing_in(prefix_of(request))
        if parts.get("vae") is not None:
            parts["vae"] = JobVae(parts["vae"])
        if is_masked and is_plain_unet(view):
            parts["unet"] = Denoiser(parts["unet"])
        return view

    def _scheduler(self, sampler: str) -> Any:
        """The sampler's scheduler, made when first asked for; the model's own without a name."""
        own = self.text_to_image.scheduler
        if not sampler:
            return own
        if sampler not in self.schedulers:
            self.schedulers[sampler] = make_scheduler(sampler, own)
        return self.schedulers[sampler]


def is_plain_unet(pipeline: Any) -> bool:
    """Tell whether the pipeline has a U-Net that takes latents alone, without a mask."""
    unet, vae = getattr(pipeline, "unet", None), getattr(pipeline, "vae", None)
    if unet is None or vae is None:
        return False
    return bool(unet.config.in_channels == vae.config.latent_channels)


def wants_mask(pipeline: Any) -> bool:
    """Tell whether the pipeline's U-Net is one made for inpainting: it sees the mask as well."""
    unet = getattr(pipeline, "unet", None)
    return unet is not None and unet.config.in_channels == 9


def open_model(
    source: Source,
    device: str | torch.device,
    loras: Path | None = None,
    controls: Path | None = None,
    most_bytes: float = math.inf,
    references: Path | None = None,
) -> Model:
    """Load the model's weights onto the device; a `ModelError` says what is in the way.

    `loras` is the operator's folder of LoRAs, `controls` that of ControlNets, `references` that of
    IP-Adapters; what came with the model is there without them. Of a card, weights take at most
    `most_bytes`: larger models wait in main memory, and their parts come in turns.
    """
    where = choose_device(device) if isinstance(device, str) else device
    try:
        pipeline = _load(source, choose_dtype(where))
        return equip(
            pipeline,
            read_card(source),
            where,
            LoraFolder(loras),
            ControlFolder(source.controls, controls),
            ReferenceFolder(references, source.adapters),
            most_bytes,
            few_steps=source.few_steps,
        )
    except ModelError:
        raise
    except Exception as error:
        # why: broken files fail anywhere in diffusers, and the operator needs one sentence
        raise explain(source, error) from error


def equip(
    pipeline: Any,
    card: ModelCard,
    device: torch.device,
    loras: LoraFolder,
    controls: ControlFolder,
    references: ReferenceFolder,
    most_bytes: float = math.inf,
    *,
    few_steps: Path | None = None,
) -> Model:
    """Make a model of a pipeline: on its device, with all that jobs may ask for."""
    dtype = choose_dtype(device)
    modules = {
        name: part
        for name, part in pipeline.components.items()
        if isinstance(part, torch.nn.Module)
    }
    for module in modules.values():
        arrange(module, device)
    offload = None
    if is_card(device) and sum(map(count_bytes, modules.values())) > most_bytes:
        log.info("%s is too large for the card at once: its parts come in turns", card.name)
        offload = Offload(device, most_bytes)
        for name, module in modules.items():
            offload.adopt(module, stays=name not in ROUTED)
    else:
        pipeline.to(device)
    _prepare(pipeline, card)
    image_to_image = _derive(AutoPipelineForImage2Image, pipeline, dtype)
    inpainting = _derive(AutoPipelineForInpainting, pipeline, dtype)
    twins = Twins(pipeline, few_steps)
    if few_steps is not None:
        twins.standing_in(FEW)  # most jobs want it, and the first need not wait for it
    looking = References(pipeline, twins, references, card.family)
    honours = _honours(card, pipeline, image_to_image, inpainting) | looking.abilities
    vae = getattr(pipeline, "vae", None)
    if offload is not None and vae is not None:
        offload.bring(vae)
    previewer = Previewer(vae)
    return Model(
        replace(card, honours=honours),
        pipeline,
        image_to_image,
        previewer,
        inpainting,
        twins,
        Adapters(pipeline, twins, loras),
        Controls(pipeline, controls),
        looking,
        device,
        offload,
    )


def is_card(device: torch.device) -> bool:
    """Tell whether the device has memory of its own, beside the main memory."""
    return device.type == "cuda"


def _derive(kind: Any, pipeline: Any, dtype: torch.dtype) -> Any | None:
    """Make the pipeline of another kind over the same parts, if there is one."""
    try:
        derived = kind.from_pipe(pipeline, dtype=dtype)
    except ValueError:
        return None
    derived.set_progress_bar_config(disable=True)
    return derived


def _honours(
    card: ModelCard, pipeline: Any, image_to_image: Any, inpainting: Any
) -> frozenset[str]:
    """What the opened model can do beyond painting a prompt."""
    if card.family in UNET_FAMILIES:
        return EVERYTHING
    can = {
        "negative_prompt": "negative_prompt" in inspect.signature(pipeline.__call__).parameters,
        "image": image_to_image is not None,
        "inpaint": inpainting is not None,
        "outpaint": inpainting is not None,
        "stop": hasattr(type(pipeline), "interrupt"),
        "sampler": bool(card.samplers),
    }
    return frozenset(name for name, is_so in can.items() if is_so)


def _load(source: Source, dtype: torch.dtype) -> Any:
    if source.kind is Kind.EMBEDDED and not source.has_weights:
        return make_untrained(source.folder)
    if source.kind is Kind.FILE:
        return _load_file(source, dtype)
    folder = source.folder
    if folder is None:
        raise ModelError(Sentence("{model} is not on this machine.", model=source.model))
    check_folder(folder)
    names = (path.name for path in folder.rglob("*.safetensors"))
    variant = _variant(names, dtype)
    if source.kind is Kind.EMBEDDED:
        return StableDiffusionPipeline.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, local_files_only=True, **UNCHECKED
        )
    return AutoPipelineForText2Image.from_pretrained(
        folder,
        dtype=dtype,
        variant=variant,
        use_safetensors=True,
        local_files_only=True,
        **_without_checker(folder),
    )


def _variant(names: Iterable[str], dtype: torch.dtype) -> str | None:
    """Prefer fp16 files where half precision is painted anyway, or where there are no others."""
    weights = [name for name in names if name.endswith(".safetensors") and "lora" not in name]
    half = [name for name in weights if ".fp16." in name]
    wanted = dtype != torch.float32 or len(half) == len(weights)
    return "fp16" if half and wanted else None


def _without_checker(folder: Path) -> dict[str, Any]:
    return UNCHECKED if "safety_checker" in read_json(folder / "model_index.json") else {}


def _load_file(source: Source, dtype: torch.dtype) -> Any:
    is_xl = read_card(source).family == "sdxl"
    kind = StableDiffusionXLPipeline if is_xl else StableDiffusionPipeline
    options: dict[str, Any] = {} if is_xl else dict(UNCHECKED)
    if source.folder is not None:
        options |= {"config": str(source.folder), "local_files_only": True}
    return kind.from_single_file(source.model, dtype=dtype, **options)


def _prepare(pipeline: Any, card: ModelCard) -> None:
    pipeline.set_progress_bar_config(disable=True)
    vae = getattr(pipeline, "vae", None)
    if vae is not None and vae.dtype == torch.bfloat16 and vae.config.get("force_upcast"):
        # why: it is for float16's range alone, and would change the VAE's type under other jobs
        vae.register_to_config(force_upcast=False)
    scheduler = pipeline.scheduler
    name, called = type(scheduler).__name__, f"{card.name} {Path(card.title).name.lower()}"
    if name == "PNDMScheduler":
        # why: it paints one step more than asked, and DPM++ needs half as many for the same
        pipeline.scheduler = DPMSolverMultistepScheduler.from_config(scheduler.config)
    elif TRAILING.search(called) and name.startswith("Euler"):
        trailing = type(scheduler).from_config(scheduler.config, timestep_spacing="trailing")
        pipeline.scheduler = trailing


def explain(source: Source, error: Exception) -> ModelError:
    """Say in one sentence why a model would not open, naming the file if a file is to blame."""
    first = next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return ModelError(Sentence(TOO_LARGE, model=source.model, first=first))
    if source.kind is Kind.HUB:
        found = look_in_cache(source).folder
        if found is None:
            return ModelError(Sentence(NOT_FETCHED, model=source.model, first=first))
        return ModelError(Sentence(NOT_OPENED, model=source.model, first=first))
    try:
        if source.kind is Kind.FILE:
            read_header(Path(source.model))
        elif source.folder is not None:
            check_folder(source.folder)
    except ModelError as found_error:
        return found_error
    if source.kind is Kind.FILE and source.folder is None:
        return ModelError(Sentence(NO_CONFIGURATION, model=source.model, first=first))
    return ModelError(Sentence(NOT_OPENED, model=source.model, first=first))
