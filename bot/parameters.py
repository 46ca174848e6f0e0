"""The table of --parameters: parsing, help and the README are all made from its rows."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bot import readers
from bot.language import N_, _
from bot.readers import Setting
from engine import MOST_CHAOS, MOST_CONTROL, MOST_STYLIZE, MOST_WEIRD, SEEDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One row of the table. `read` takes the words given and returns the value, or None.

    A `flag` takes no value; one of several `words` takes all that stand up to the next parameter.
    It `needs` what not every model honours (a name of `ModelCard.honours`). `default` says what
    holds where nothing is typed; nothing, if it says nothing. What is said `once` is of how one job
    runs: it is not shown, and nobody's default.
    """

    name: str
    aliases: tuple[str, ...] = ()
    example: str = ""
    flag: bool = False
    words: bool = False
    help: str
    needs: str = ""
    allowed: Callable[[Setting], str] = lambda _setting: _("alone, without a value")
    default: Callable[[Setting], str] | str = ""
    read: Callable[[str, Setting], Any] = lambda text, _: None if text else True
    write: Callable[[Any], str] = str
    twice: Literal["first", "last", "all"] = "last"
    once: bool = False

    def __str__(self) -> str:
        """As a painter may type it."""
        return f"--{self.name} {self.example}".rstrip()

    def assumed(self, setting: Setting) -> str:
        """Say what holds where nothing is typed."""
        default = _(self.default) if isinstance(self.default, str) else self.default(setting)
        return default or (_("off") if self.flag else _("none"))

    def written(self, value: Any) -> str:
        """As a painter would have typed this value."""
        return f"--{self.name}" if self.flag else f"--{self.name} {self.write(value)}"


def _whole(low: int, high: int) -> str:
    return _("a whole number from {low} to {high}").format(low=low, high=high)


def _number(low: float, high: float) -> str:
    return _("a number from {low} to {high}").format(low=low, high=readers.plain(high))


def _one_of(names: Sequence[str]) -> str:
    return _("one of {choices}").format(choices=", ".join(names))


def _usual_steps(setting: Setting) -> str:
    few, most = setting.card.few_steps, setting.max_steps
    ordinary = min(setting.card.default_steps, most)
    if few is None:
        return str(ordinary)
    return _("{few}; {ordinary} by the ordinary sampler").format(
        few=min(few.steps, most), ordinary=ordinary
    )


def _usual_guidance(setting: Setting) -> str:
    ordinary = readers.plain(setting.card.default_guidance)
    if setting.card.few_steps is None:
        return ordinary
    return _("none; {ordinary} by the ordinary sampler").format(ordinary=ordinary)


def _usual_sampler(setting: Setting) -> str:
    if setting.card.few_steps is None:
        return _("the model's own")
    return _("{few} for few steps, else the model's own").format(few=setting.card.few_steps.sampler)


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        name="ar",
        aliases=("aspect",),
        example="3:2",
        help=N_("the shape of the picture, width to height"),
        default=N_("the shape of the model, or of a picture that is given"),
        allowed=lambda _setting: _("two whole numbers from 1 to 9999 with a colon between them"),
        read=readers.ratio,
        write=lambda ratio: f"{ratio[0]}:{ratio[1]}",
    ),
    Parameter(
        name="no",
        example="text, frames",
        help=N_("what must not be in the picture"),
        allowed=lambda _setting: _("one or more things, with commas between them"),
        read=readers.items,
        write=", ".join,
        words=True,
        twice="all",
        needs="negative_prompt",
    ),
    Parameter(
        name="seed",
        example="7",
        help=N_("where the noise starts: the same seed and prompt give the same picture"),
        default=N_("another one each time"),
        allowed=lambda _setting: _whole(0, SEEDS - 1),
        read=lambda text, _: readers.between(readers.whole(text), 0, SEEDS - 1),
        twice="first",
    ),
    Parameter(
        name="steps",
        example="20",
        help=N_("how many denoising steps: more take longer and show more detail"),
        default=_usual_steps,
        allowed=lambda setting: _whole(1, setting.max_steps),
        read=lambda text, setting: readers.between(readers.whole(text), 1, setting.max_steps),
    ),
    Parameter(
        name="guidance",
        example="7.5",
        help=N_("how closely the prompt is followed"),
        default=_usual_guidance,
        allowed=lambda setting: _number(0, setting.card.max_guidance),
        read=lambda text, setting: readers.between(
            readers.number(text), 0, setting.card.max_guidance
        ),
        write=readers.plain,
    ),
    Parameter(
        name="strength",
        example="0.6",
        help=N_("how far the attached picture may be left (only with a picture)"),
        default="0.6",
        allowed=lambda _setting: _("a number above 0, and at most 1"),
        read=readers.strength,
        write=readers.plain,
        needs="image",
    ),
    Parameter(
        name="iw",
        example="1.5",
        help=N_(
            "how much the attached pictures count beside the words; where the model has an adapter "
            "it looks at them, else it starts from one"
        ),
        default="1",
        allowed=lambda _setting: _number(0, 3),
        read=lambda text, _: readers.between(readers.number(text), 0, 3),
        write=readers.plain,
        needs="image",
    ),
    *(
        Parameter(
            name=name,
            example="https://cdn.discordapp.com/a.png",
            help=words,
            allowed=lambda _setting: _(
                "links to pictures with spaces between, each maybe with a weight as in "
                "`https://…/a.png::2`, or `attached` for the one given as an option"
            ),
            read=readers.linked,
            write=lambda links: " ".join(map(str, links)),
            words=True,
            twice="all",
            needs=needs,
        )
        for name, words, needs in (
            ("sref", N_("pictures whose style is taken, and nothing else of them"), "style"),
            ("cref", N_("pictures of a person who is to be seen"), "character"),
        )
    ),
    Parameter(
        name="sw",
        example="300",
        help=N_("how much the style of `--sref` counts"),
        default="100",
        allowed=lambda _setting: _whole(0, 1000),
        read=lambda text, _: readers.between(readers.whole(text), 0, 1000),
        needs="style",
    ),
    Parameter(
        name="cw",
        example="60",
        help=N_(
            "what of the person of `--cref` counts: 0 is the face alone, 100 hair and clothes too"
        ),
        default="100",
        allowed=lambda _setting: _whole(0, 100),
        read=lambda text, _: readers.between(readers.whole(text), 0, 100),
        needs="character",
    ),
    Parameter(
        name="quality",
        aliases=("q",),
        example="2",
        help=N_("how long to work on it: so many times the usual steps"),
        default="1",
        allowed=lambda _setting: _("0.25, 0.5, 1, 2 or 4"),
        read=readers.quality,
        write=readers.plain,
    ),
    Parameter(
        name="draft",
        flag=True,
        help=N_("a quick sketch: fewer steps, smaller"),
    ),
    Parameter(
        name="hd",
        flag=True,
        help=N_("twice as large: painted small first, then again from that"),
        needs="hd",
    ),
    Parameter(
        name="chaos",
        aliases=("c",),
        example="40",
        help=N_("how different the four pictures are from each other"),
        default="0",
        allowed=lambda _setting: _whole(0, MOST_CHAOS),
        read=lambda text, _: readers.between(readers.whole(text), 0, MOST_CHAOS),
        needs="chaos",
    ),
    Parameter(
        name="weird",
        aliases=("w",),
        example="500",
        help=N_("how far from the usual: something joins that nobody asked for"),
        default="0",
        allowed=lambda _setting: _whole(0, MOST_WEIRD),
        read=lambda text, _: readers.between(readers.whole(text), 0, MOST_WEIRD),
        needs="weird",
    ),
    Parameter(
        name="stylize",
        aliases=("s",),
        example="250",
        help=N_("how rich light, colour and detail are"),
        default="100",
        allowed=lambda _setting: _whole(0, MOST_STYLIZE),
        read=lambda text, _: readers.between(readers.whole(text), 0, MOST_STYLIZE),
        needs="stylize",
    ),
    Parameter(
        name="raw",
        flag=True,
        help=N_(
            "no house style, just what the model paints; of one that is asked for, less than half"
        ),
        needs="stylize",
    ),
    Parameter(
        name="style",
        example="raw",
        help=N_("the same as `--raw`"),
        allowed=lambda _setting: _("raw, for there is no other"),
        read=lambda text, _: "raw" if text.casefold() == "raw" else None,
        needs="stylize",
    ),
    Parameter(
        name="sampler",
        example="euler a",
        help=N_("how noise becomes a picture, step by step"),
        default=_usual_sampler,
        allowed=lambda setting: _one_of(setting.card.samplers),
        read=readers.sampler,
        words=True,
        needs="sampler",
    ),
    Parameter(
        name="tile",
        flag=True,
        help=N_("edges that meet: the picture repeats without a seam"),
        needs="tile",
    ),
    Parameter(
        name="stop",
        example="80",
        help=N_("end the painting early, after so many percent of its steps"),
        default="100",
        allowed=lambda _setting: _whole(10, 100),
        read=lambda text, _: readers.between(readers.whole(text), 10, 100),
        needs="stop",
    ),
    Parameter(
        name="repeat",
        once=True,
        aliases=("r",),
        example="4",
        help=N_("paint the prompt so many times, each with a seed of its own"),
        default=N_("once"),
        allowed=lambda setting: (
            _whole(2, setting.limits.max_jobs)
            if setting.limits.max_jobs > 1
            else _("left out: here one job is painted at a time")
        ),
        read=lambda text, setting: readers.between(readers.whole(text), 2, setting.limits.max_jobs),
    ),
    *(
        Parameter(name=name, flag=True, help=words, default=N_("as you have chosen"), once=True)
        for name, words in {
            "turbo": N_("this job goes before everybody else's, where that is allowed"),
            "fast": N_("this job runs as usual, whatever you have chosen"),
            "relax": N_("this job lets others go first"),
            "stealth": N_("this job is for your eyes only"),
            "public": N_("this job is for everybody to see"),
        }.items()
    ),
    Parameter(
        name="lora",
        example="ink:0.8",
        help=N_("a LoRA of the operator's folder and how much it counts; `/loras` names them"),
        allowed=lambda _setting: _("names with their weights, with commas between them"),
        read=readers.loras,
        write=lambda loras: ", ".join(f"{name}:{readers.plain(weight)}" for name, weight in loras),
        words=True,
        twice="all",
        needs="lora",
    ),
    Parameter(
        name="control",
        example="canny:0.8",
        help=N_(
            "what of the picture given as `control` leads the painting, and how much; `ready` "
            "after it if the picture is drawn so already"
        ),
        allowed=lambda _setting: _(
            "the kind, and after a colon a number above 0 and at most {most}"
        ).format(most=readers.plain(MOST_CONTROL)),
        read=readers.control,
        words=True,
        needs="control",
    ),
    Parameter(
        name="model",
        aliases=("v", "version", "niji"),
        example="embedded",
        help=N_("which model paints"),
        default=lambda setting: readers.one_word(setting.cards[0].name),
        allowed=lambda setting: _one_of([readers.one_word(card.name) for card in setting.cards]),
        read=readers.model,
        write=readers.one_word,
    ),
)

BY_NAME = {name: row for row in PARAMETERS for name in (row.name, *row.aliases)}


def honoured(abilities: Collection[str]) -> tuple[str, ...]:
    """Name the parameters that work on a model with these abilities (`ModelCard.honours`)."""
    return tuple(row.name for row in PARAMETERS if not row.needs or row.needs in abilities)
