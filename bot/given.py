"""What comes with a prompt: attached pictures and links, and the operator's folders. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bot.errors import UserError
from bot.grammar import INVALID
from bot.language import _
from bot.readers import Size
from engine import ControlFolder, LoraFolder

NO_LORAS = LoraFolder(None)
NO_CONTROLS = ControlFolder(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The attached pictures, and the folders that names in a prompt are looked for in.

    `picture` says that one to start from is attached, as its size in pixels where that is known;
    `control` is the address of one that leads the painting, of `control_size`, `style` that of one
    whose style is taken, `character` that of one of a person. With `is_start` it is painted over
    even where the model could look at it. `kept` are files of pictures that
    need not be fetched, by their kind of reference and their address.
    """

    picture: bool | Size = False
    address: str = ""
    is_start: bool = False
    control: str = ""
    control_size: Size | None = None
    style: str = ""
    character: str = ""
    kept: Mapping[tuple[str, str], str] = field(default_factory=dict)
    loras: LoraFolder = NO_LORAS
    controls: ControlFolder = NO_CONTROLS

    def shape(self, *, is_start: bool) -> Size | None:
        """Return the size of the picture that the painting takes its shape from, if it starts from
        one or is led by one."""
        sizes = (is_start and self.picture, self.control_size)
        return next((size for size in sizes if isinstance(size, tuple) and all(size)), None)

    @property
    def attached(self) -> tuple[str, ...]:
        """Name the parameters whose pictures are attached."""
        given = (("sref", self.style), ("cref", self.character))
        return tuple(name for name, picture in given if picture and not self.is_start)

    def check(
        self,
        typed: Collection[str],
        known: Collection[str],
        links: Sequence[str],
        *,
        are_looked_at: bool = False,
    ) -> None:
        """Refuse pictures and parameters that do not belong together.

        `typed` are the parameters of the prompt, `known` those of the server's defaults too.
        Pictures that `are_looked_at` may be several.

        Raises:
            UserError: there are too many pictures, or one without the other.

        """
        many = len(links) + bool(self.picture)
        if many > 1 and not are_looked_at:
            raise UserError(
                _(
                    "A painting starts from one picture, and here are {many}: leave one, "
                    "attached as `picture` or as a link."
                ).format(many=many),
                title=_("Invalid prompt"),
            )
        for name, option, there in (
            ("strength", "picture", many),
            ("iw", "picture", many),
            ("control", "control", self.control),
            ("sw", "sref", "sref" in known),
            ("cw", "cref", "cref" in known),
        ):
            if name in typed and not there:
                raise UserError(
                    _(
                        "`--{name}` only goes with a picture: attach one as `{option}`, or leave "
                        "it out."
                    ).format(name=name, option=option),
                    title=_(INVALID),
                )
        if self.control and "control" not in known:
            raise UserError(
                self._which(),
                title=_(INVALID),
            )

    def _which(self) -> str:
        """Say what `--control` must say, as far as there is anything to say."""
        names = self.controls.names()
        if not names:
            return _(
                "`--control` must say what of the picture leads the painting; but there is no "
                "ControlNet here."
            )
        return _(
            "`--control` must say what of the picture leads the painting, as in "
            "`--control {name}`; there is {names}."
        ).format(name=names[0], names=", ".join(names))


NOTHING_GIVEN = Given()
