"""What a picture was painted from, in words: its seed and every setting."""

from collections.abc import Sequence

from bot import messages
from bot.jobs import Job, Picture, asked_at
from engine import ModelCard, Request

LONGEST_PROMPT = 1000


def of_job(job: Job, pictures: Sequence[Picture], card: ModelCard | None) -> str:
    """Describe a job's pictures; `pictures` are those of the message, of one seed each."""
    request = job.request
    seeds = [picture.seed for picture in pictures] or [request.seed]
    lines = [
        f"**{messages.shorten(messages.escape(job.shown), LONGEST_PROMPT)}**",
        f"**Job ID**: {job.id}",
        f"**Seed**: {', '.join(map(str, seeds))}",
        f"**Model**: {_model(request, card)}",
        *_settings(request, card),
        f"**Asked for** by <@{job.user_id}>, <t:{int(asked_at(job.id))}:f>",
    ]
    return "\n".join(lines)


def _model(request: Request, card: ModelCard | None) -> str:
    name = f"`{request.model}`"
    return f"{name} ({card.title})" if card and card.title != request.model else name


def _settings(request: Request, card: ModelCard | None) -> list[str]:
    """Name each setting that the picture depends on, in the order of the table of parameters."""
    sampler = request.sampler or (card.own_sampler if card else "")
    found = {
        "Size": f"{request.width} × {request.height}",
        "Steps": _steps(request),
        "Guidance": f"{request.guidance_scale:g}",
        "Sampler": sampler and f"`{sampler}`",
        "Not wanted": messages.escape(request.negative_prompt),
        "Strength": "" if request.strength is None else f"{request.strength:g}",
        "LoRAs": ", ".join(f"`{name}` {weight:g}" for name, weight in request.loras),
        "Control": request.control_kind and f"{request.control_kind} {request.control_scale:g}",
        "Looked at": ", ".join(f"{one.kind} {one.weight:g}" for one in request.references),
        "Seamless": "yes" if request.tile else "",
    }
    return [f"**{name}**: {value}" for name, value in found.items() if value]


def _steps(request: Request) -> str:
    if request.steps_to_run == request.num_inference_steps:
        return str(request.num_inference_steps)
    return f"{request.steps_to_run} of {request.num_inference_steps}"
