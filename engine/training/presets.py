"""Stage A and stage B in numbers: the world they show and the sizes of the networks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from engine.training.backgrounds import PLACES
from engine.training.canvas import Size
from engine.training.colours import COLOURS
from engine.training.styles import STYLES
from engine.training.world import World, all_things

STAGE_A_THINGS = """
    apple, banana, grapes, strawberry, lemon, pear, watermelon, cherries, carrot, pizza, hamburger,
    cupcake, doughnut, birthday cake, ice cream, mushroom,
    cat, dog, fox, bear, panda, lion, tiger, rabbit, frog, monkey, elephant, whale, dolphin,
    octopus, fish, turtle, snake, owl, penguin, duck, butterfly, bee, spider, snail, horse, cow,
    pig, chicken, dragon, t-rex, unicorn, crocodile, kangaroo, koala, wolf, mouse,
    rocket, airplane, helicopter, car, bus, bicycle, motorcycle, train, sailboat, ship, tractor,
    flying saucer, house, castle, tent, volcano, mountain,
    tree, palm tree, pine tree, cactus, sunflower, rose, tulip,
    sun, crescent moon, star, rainbow, snowflake, fire, earth, planet,
    umbrella, guitar, violin, drum, trumpet, camera, book, key, alarm clock, light bulb, candle,
    crown, top hat, shoe, dress, t-shirt, balloon, gift box, trophy, soccer ball, basketball,
    anchor, heart, robot, ghost, alien, snowman
"""


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


@dataclass(frozen=True)
class AutoencoderSize:
    """Widths of AutoencoderTiny; pictures shrink by 8 to ``latent_channels`` planes."""

    channels: int = 32
    latent_channels: int = 8
    blocks: tuple[int, ...] = (3, 3, 3, 1)  # of the decoder, from small to large pictures


@dataclass(frozen=True)
class TextSize:
    """Sizes of CLIPTextModel and its tokenizer."""

    vocabulary: int = 6144
    context: int = 77
    width: int = 256
    layers: int = 4
    heads: int = 4


@dataclass(frozen=True)
class TowerSize:
    """Sizes of the image tower, a CLIPVisionModelWithProjection into the text encoder's space."""

    side: int = 96  # pixels; enough to tell things apart
    patch: int = 12
    width: int = 160
    layers: int = 6
    heads: int = 5


@dataclass(frozen=True)
class DenoiserSize:
    """Widths of UNet2DConditionModel; the first level has no cross-attention."""

    channels: tuple[int, ...] = (64, 128, 192)
    head_width: int = 32


@dataclass(frozen=True)
class Preset:
    """Everything that tells one stage from another."""

    name: str
    world: World
    side: int
    autoencoder: AutoencoderSize = field(default_factory=AutoencoderSize)
    text: TextSize = field(default_factory=TextSize)
    tower: TowerSize = field(default_factory=TowerSize)
    denoiser: DenoiserSize = field(default_factory=DenoiserSize)
    judge: tuple[int, ...] = (64, 128, 256, 384)  # widths of the evaluator
    bank_scenes: int = 40_000
    first_side: int = 0  # smaller pictures the denoiser begins with; 0: it begins with the native
    shapes: tuple[Size, ...] = ()  # beside the square, of about its area, in multiples of 8

    @property
    def square(self) -> Size:
        """The native size, width and height."""
        return self.side, self.side


STAGE_A = Preset(
    name="stage-a",
    world=World(
        things=_words(STAGE_A_THINGS),
        colours=_words("red, orange, yellow, green, blue, purple, pink, black, white"),
        places=_words(
            "beach, underwater, meadow, forest, desert, snow, night sky, space, city, sunset"
        ),
        arts=("fluent-3d", "fluent-emoji"),
    ),
    side=128,
    bank_scenes=26_624,
    shapes=((160, 104), (104, 160), (168, 96), (96, 168), (144, 112), (112, 144)),
)


NEW_THINGS = """
    woman, man, girl, boy, baby, old man, old woman, couple, sisters, astronaut, cook, farmer,
    artist, police officer, firefighter, princess, bride, dancer, santa claus, superhero, mermaid,
    fairy,
    bird, parrot, swan, zebra, giraffe, deer, ewe, shark, crab, chipmunk, flamingo, polar bear,
    dinosaur, seashell,
    tangerine, pineapple, bread, egg, coffee, cookie, sushi, french fries,
    cherry blossom, full moon, cloud, wave,
    delivery truck, taxi, fire engine, ferris wheel,
    umbrella on ground, volleyball, chair, couch, laptop, teddy bear, pumpkin lantern,
    christmas tree, crossed swords, musical keyboard, glasses, smiling face with smiling eyes
"""
STAGE_B1_THINGS = STAGE_A.world.things + _words(NEW_THINGS)


STAGE_B_ARTS = (
    "fluent-3d", "fluent-emoji", "fluent-emoji-flat", "noto", "twemoji", "noto-v1", "emojione",
    "fxemoji", "streamline-emojis",
)  # fmt: skip


def stage_b() -> Preset:
    """Everything there are labels and painters for, at 256 pixels, first at 128."""
    known = all_things()
    world = World(
        things=tuple(known),
        favoured=STAGE_B1_THINGS,
        colours=tuple(COLOURS),
        places=tuple(PLACES),
        arts=STAGE_B_ARTS,
        plain_arts=("fluent-3d", "fluent-3d", "fluent-emoji"),
        styles=tuple(STYLES),
        several_share=0.1,
        most=4,
        pair_share=0.15,
        triple_share=0.05,
        many_share=0.05,
        empty_share=0.04,
        related_share=0.6,
        sized_share=0.1,
        styled_share=0.25,
        chinese_share=0.3,
    )
    return Preset(
        name="stage-b",
        world=world,
        side=256,
        first_side=128,
        denoiser=DenoiserSize(channels=(64, 144, 208), head_width=16),
        bank_scenes=400_000,
        shapes=((320, 208), (208, 320), (336, 192), (192, 336), (288, 224), (224, 288)),
    )


def stage_b1() -> Preset:
    """Between the stages: stage B's words on stage A's networks, fewer things, at 128 pixels.

    It starts from stage A's weights, so that a CPU teaches it in two hours.
    """
    whole = stage_b()
    world = replace(
        whole.world,
        things=STAGE_B1_THINGS,
        favoured=_words(NEW_THINGS),
        arts=STAGE_A.world.arts,
        several_share=0.09,
        pair_share=0.17,
        triple_share=0.025,
        many_share=0.02,
        sized_share=0.06,
        styled_share=0.18,
    )
    return replace(
        whole,
        name="stage-b1",
        world=world,
        side=STAGE_A.side,
        first_side=0,
        denoiser=STAGE_A.denoiser,
        judge=(32, 64, 128, 256),  # twice as fast as the wide one on a CPU
        bank_scenes=73_728,
        shapes=STAGE_A.shapes,
    )


PRESETS: dict[str, Callable[[], Preset]] = {
    "stage-a": lambda: STAGE_A,
    "stage-b1": stage_b1,
    "stage-b": stage_b,
}
