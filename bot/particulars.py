"""What a picture was painted from, in words: its seed and every setting."""

from collections.abc import Sequence

from bot import messages
from bot.jobs import Job, Picture, asked_at
from bot.language import _
from engine import ModelCard, Request

LONGEST_PROMPT = 1000


def of_job(job: Job, pictures: Sequence[Picture], card: ModelCard | None) -> str:
    """Describe a job's pictures; `pictures` are those of the message, of one seed each."""
    request = job.request
    seeds = [picture.seed for picture in pictures] or [request.seed]
    lines = [
        f"**{messages.shorten(messages.escape(job.shown), LONGEST_PROMPT)}**",
        _("**Job ID**: {job_id}").format(job_id=job.id),
        _("**Seed**: {seeds}").format(seeds=", ".join(map(str, seeds))),
        _("**Model**: {model}").format(model=_model(request, card)),
        *_settings(request, card),
        _("**Asked for** by {who}, {when}").format(
            who=f"<@{job.user_id}>", when=f"<t:{int(asked_at(job.id))}:f>"
        ),
    ]
    return "\n".join(lines)


def _model(request: Request, card: ModelCard | None) -> str:
    name = f"`{request.model}`"
    return f"{name} ({card.title})" if card and card.title != request.model else name


def _settings(request: Request, card: ModelCard | None) -> list[str]:
    """Name each setting that the picture depends on, in the order of the table of parameters."""
    sampler = request.sampler or (card.own_sampler if card else "")
    found = {
        _("Size"): f"{request.width} × {request.height}",
        _("Steps"): _steps(request),
        _("Guidance"): f"{request.guidance_scale:g}",
        _("Sampler"): sampler and f"`{sampler}`",
        _("Not wanted"): messages.escape(request.negative_prompt),
        _("Strength"): "" if request.strength is None else f"{request.strength:g}",
        _("LoRAs"): ", ".join(f"`{name}` {weight:g}" for name, weight in request.loras),
        _("Control"): request.control_kind and f"{request.control_kind} {request.control_scale:g}",
        _("Looked at"): ", ".join(f"{one.kind} {one.weight:g}" for one in request.references),
        _("Seamless"): _("yes") if request.tile else "",
    }
    return [f"**{name}**: {value}" for name, value in found.items() if value]


def _steps(request: Request) -> str:
    if request.steps_to_run == request.num_inference_steps:
        return str(request.num_inference_steps)
    return _("{run} of {steps}").format(run=request.steps_to_run, steps=request.num_inference_steps)
