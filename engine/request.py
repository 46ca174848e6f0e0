"""What to paint: one frozen record of plain values, checked when it is made."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from engine.errors import Sentence
from engine.samplers import normal_name

SEEDS = 2**32
"""Seeds are 0 … SEEDS - 1."""
LEAST_STOP = 0.1
MOST_LORAS = 8
MOST_LORA_WEIGHT = 4.0
MOST_CONTROL = 2.0
MOST_CHAOS = 100
MOST_STYLIZE = 1000
MOST_WEIRD = 3000
MOST_REFERENCES = 8
MOST_REFERENCE_WEIGHT = 4.0
REFERENCES = ("image", "style", "figure", "face")
MOST_IMAGES = 5
"""Pictures that are blended at a time."""
HD_SHARE = 0.5
"""Of the steps of the small picture, painted again at twice the size."""
LEAST_INSIDE = 16
"""Pixels of the old picture that must stay in each direction when it is widened."""


class Reference(NamedTuple):
    """A picture to look at while painting, the path of its file, and how much it counts.

    Its kind is what of it counts: the whole `image`, its `style`, the `figure` without where it
    stands, or the `face`.
    """

    picture: str
    kind: str = "image"
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One job for the engine.

    `width` and `height` are of one tile, in pixels; `pictures` is 1 … 4. Tile k is painted with
    seed (seed + k) mod 2**32. With `image`, the path of a picture file, the job is img2img and
    `strength` (0 < strength <= 1) says how far it may leave that picture; all
    `num_inference_steps` steps run whatever the strength.

    `mask`, the path of a picture file laid over `image`, is white where to paint anew: all else
    stays. `margins` (left, top, right, bottom in pixels of the tile) is how much of the tile is
    new around `image`, which fills the rest. `tile` makes edges that meet, `stop` ends after that
    share of the steps, `sampler` names one of `ModelCard.samplers` (empty: the model's own), and
    `loras` are (name, weight) from the operator's folder.

    `control`, the path of a picture file, leads the ControlNet `control_kind` of the operator's
    folder, as much as `control_scale` says. Unless `control_ready`, it is a photograph, of which
    the edges are drawn where the kind asks for that.

    `chaos` spreads the tiles apart, `weird` leads them away from the usual, `stylize` is how much
    of the house style they have; each direction comes from the tile's own seed. With `hd` a tile
    is painted at half its size first, and then at its size from that. `images`, the paths of
    picture files, are blended: their mean is the start, in the place of `image`. `references` are
    pictures that the model looks at beside the prompt, by an IP-Adapter. With `few_steps` it paints
    by the model's LoRA for that (`engine.few_steps` decides), `sampler` and steps as that was
    taught.
    """

    prompt: str
    seed: int
    num_inference_steps: int
    guidance_scale: float
    width: int
    height: int
    model: str
    negative_prompt: str = ""
    pictures: int = 4
    image: str | None = None
    strength: float | None = None
    sampler: str = ""
    mask: str | None = None
    margins: tuple[int, int, int, int] | None = None
    tile: bool = False
    stop: float = 1.0
    loras: tuple[tuple[str, float], ...] = ()
    control: str | None = None
    control_kind: str = ""
    control_scale: float = 1.0
    control_ready: bool = False
    chaos: int = 0
    stylize: int = 0
    weird: int = 0
    hd: bool = False
    images: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    few_steps: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.seed < SEEDS:
            raise ValueError(
                Sentence("seed must be 0 to {most}, not {found}", most=SEEDS - 1, found=self.seed)
            )
        if self.num_inference_steps < 1:
            raise ValueError(
                Sentence("steps must be 1 or more, not {found}", found=self.num_inference_steps)
            )
        if self.width < 8 or self.height < 8 or self.width % 8 or self.height % 8:
            raise ValueError(
                Sentence(
                    "sides must be multiples of 8, not {width}x{height}",
                    width=self.width,
                    height=self.height,
                )
            )
        if not 1 <= self.pictures <= 4:
            raise ValueError(Sentence("pictures must be 1 to 4, not {found}", found=self.pictures))
        if self.starts != (self.strength is not None):
            raise ValueError(Sentence("image and strength belong together"))
        if self.strength is not None and not 0 < self.strength <= 1:
            raise ValueError(
                Sentence("strength must be above 0 and at most 1, not {found}", found=self.strength)
            )
        if not LEAST_STOP <= self.stop <= 1:
            raise ValueError(
                Sentence(
                    "stop must be {least} to 1, not {found}", least=LEAST_STOP, found=self.stop
                )
            )
        if self.sampler:
            self._set("sampler", normal_name(self.sampler))
        self._check_place()
        self._check_loras()
        self._check_control()
        self._check_effects()
        self._check_references()

    def _check_place(self) -> None:
        """Check where in a picture to paint."""
        if (self.mask or self.margins) and self.image is None:
            raise ValueError(Sentence("mask and margins need an image to paint in"))
        if self.mask and self.margins:
            raise ValueError(
                Sentence("mask and margins do not go together: paint one after the other")
            )
        if self.margins is None:
            return
        self._set("margins", tuple(self.margins))
        if len(self.margins) != 4 or min(self.margins) < 0 or not any(self.margins):
            raise ValueError(
                Sentence(
                    "margins must be four numbers from 0 (left, top, right, bottom), one above, "
                    "not {found}",
                    found=self.margins,
                )
            )
        left, top, right, bottom = self.margins
        if min(self.width - left - right, self.height - top - bottom) < LEAST_INSIDE:
            raise ValueError(
                Sentence(
                    "margins must leave {least} pixels of the picture in a tile of "
                    "{width}x{height}, which {found} do not",
                    least=LEAST_INSIDE,
                    width=self.width,
                    height=self.height,
                    found=self.margins,
                )
            )

    def _check_loras(self) -> None:
        loras = tuple((str(name), float(weight)) for name, weight in self.loras)
        self._set("loras", loras)
        if len(loras) > MOST_LORAS:
            raise ValueError(
                Sentence(
                    "at most {most} LoRAs go together, not {found}",
                    most=MOST_LORAS,
                    found=len(loras),
                )
            )
        names = [name.lower() for name, _ in loras]
        for name, weight in loras:
            if not name:
                raise ValueError(Sentence("a LoRA must have a name, as in <lora:name:0.8>"))
            if names.count(name.lower()) > 1:
                raise ValueError(
                    Sentence("the LoRA {name} stands there twice: once is enough", name=name)
                )
            if not abs(weight) <= MOST_LORA_WEIGHT:
                raise ValueError(
                    Sentence(
                        "the weight of a LoRA must be -{most} to {most}, not {found}",
                        most=MOST_LORA_WEIGHT,
                        found=weight,
                    )
                )

    def _check_control(self) -> None:
        if (self.control is None) != (not self.control_kind):
            raise ValueError(Sentence("control and control_kind belong together"))
        if not 0 < self.control_scale <= MOST_CONTROL:
            raise ValueError(
                Sentence(
                    "control_scale must be above 0 and at most {most}, not {found}",
                    most=MOST_CONTROL,
                    found=self.control_scale,
                )
            )
        if self.control is not None and self.tile:
            raise ValueError(
                Sentence("control and tile do not go together: a ControlNet sees edges")
            )

    def _check_effects(self) -> None:
        for name, most in (
            ("chaos", MOST_CHAOS),
            ("stylize", MOST_STYLIZE),
            ("weird", MOST_WEIRD),
        ):
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(
                    Sentence(
                        "{name} must be 0 to {most}, not {found}",
                        name=name,
                        most=most,
                        found=getattr(self, name),
                    )
                )
        if self.hd and (self.width % 16 or self.height % 16):
            raise ValueError(
                Sentence(
                    "with hd, sides must be multiples of 16, not {width}x{height}",
                    width=self.width,
                    height=self.height,
                )
            )
        self._set("images", tuple(self.images))
        if self.images and not (2 <= len(self.images) <= MOST_IMAGES and self.image is None):
            raise ValueError(
                Sentence("images are 2 to {most} to be blended, and stand alone", most=MOST_IMAGES)
            )

    def _check_references(self) -> None:
        self._set("references", tuple(Reference(*one) for one in self.references))
        if len(self.references) > MOST_REFERENCES:
            raise ValueError(
                Sentence(
                    "at most {most} pictures are looked at, not {found}",
                    most=MOST_REFERENCES,
                    found=len(self.references),
                )
            )
        for one in self.references:
            if one.kind not in REFERENCES:
                raise ValueError(
                    Sentence(
                        "a reference is {kinds}, not {found!r}",
                        kinds=", ".join(REFERENCES),
                        found=one.kind,
                    )
                )
            if not 0 <= one.weight <= MOST_REFERENCE_WEIGHT:
                raise ValueError(
                    Sentence(
                        "the weight of a reference must be 0 to {most}, not {found}",
                        most=MOST_REFERENCE_WEIGHT,
                        found=one.weight,
                    )
                )

    def _set(self, name: str, value: Any) -> None:
        """Put a field into its normal form, while the record is made."""
        object.__setattr__(self, name, value)

    @property
    def starts(self) -> bool:
        """Whether it starts from a picture, or from several."""
        return self.image is not None or bool(self.images)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each tile, in the order of U1 … U4."""
        return tuple((self.seed + tile) % SEEDS for tile in range(self.pictures))

    @property
    def steps_to_run(self) -> int:
        """How many steps are really painted: `stop`'s share of them, at least one."""
        return max(1, round(self.num_inference_steps * self.stop))

    @property
    def hd_steps(self) -> int:
        """How many steps `hd` adds at the full size; where a part is painted anew, none."""
        if not self.hd or self.mask or self.margins:
            return 0
        return max(1, round(self.num_inference_steps * HD_SHARE))

    def to_json(self) -> str:
        """As one line of JSON; `from_json` reads it back equal."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; fields a newer version added take their defaults."""
        fields: dict[str, Any] = json.loads(text)
        return cls(**fields)


def cost(request: Request) -> float:
    """How much work a request is, in megapixel-steps; the queue and the engine both count so.

    Guidance looks twice, so a step without it counts as half a one.
    """
    area = request.width * request.height / 1_000_000
    steps: float = request.steps_to_run
    if request.hd_steps:
        steps = request.steps_to_run / 4 + request.hd_steps
    looks = 1.0 if request.guidance_scale > 1 else 0.5
    return request.pictures * steps * looks * area
