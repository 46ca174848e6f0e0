"""Makes words.json: what a model knows, and what stands near it, in both languages.

Near is what Unicode's keywords say of a thing, a thing of the same kind that looks most like it,
a colour word by its colour, and a place by a short table.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from engine.training import phrases
from engine.training.colours import COLOURS, hsv_to_rgb
from engine.training.sprites import list_things, read_pack
from engine.training.world import RELATIONS, Thing, World, all_things
from engine.vocabulary import plain_form

ALIKE = ("animal", "food", "drink", "plant", "transport", "sky", "musical", "sport", "place-",
         "person", "family", "face", "monkey", "cat-face", "heart")  # fmt: skip
"""Kinds of which one may stand for another; a hammer is no kind of key."""
FEW = 5  # things that share a word for it to say something
SILENT = """
    a an the some this that these those my me us you your his her its their it is are be as and or
    of in on at with without by to from for into near very really please can could would like want i
    one there which who where while make create generate show give draw paint
    painting drawing illustration art artwork picture photo photograph image portrait style
    styled look looking high quality best
    detailed details masterpiece resolution ultra hd uhd raw sharp sharpness focus realistic
    photorealistic cinematic dramatic professional trending artstation award winning render rendered
    lighting light soft bright vivid colorful colourful colors colours color colour beautiful cute
    lovely pretty nice amazing gorgeous stunning cool adorable funny happy k scene view background
    big little small large 2k 4k 8k 16k
"""
SILENT_ZH = """
    的 了 是 在 里 中 上 下 前 后 旁 旁边 前面 里面 上面 之 与 和 跟 及 有 着 这 那 我 你 他 她
    它 请 给 给我 帮我 想要 要 画 画一张 画个 生成 绘制 一 一个 一只 一张 一幅 一条 一辆 一朵
    一棵 一座 一匹 一头 一群 个 只 张 幅 图 图片 图画 照片 画面 风格 风景 景观 背景 高清 精美
    杰作 最佳 质量 高质量 细节 可爱 可爱的 美丽 美丽的 漂亮 漂亮的 好看的 很 非常 大 小 很多 色
    闪耀 轻柔 边 面
"""
MEASURES_ZH = "个 只 辆 朵 棵 座 匹 头 条 张 艘 架 位 名"
NEAR_COLOURS: dict[str, tuple[int, int, int]] = {
    "crimson": (220, 20, 60), "scarlet": (255, 36, 0), "maroon": (128, 0, 0),
    "ruby": (200, 20, 60), "golden": (255, 205, 20), "gold": (255, 205, 20),
    "amber": (255, 191, 0), "lime": (120, 220, 50), "emerald": (40, 160, 80),
    "olive": (110, 120, 30), "cyan": (60, 210, 220), "turquoise": (50, 190, 180),
    "aqua": (60, 210, 220), "azure": (40, 120, 240), "navy": (20, 30, 110),
    "indigo": (75, 20, 160), "violet": (150, 60, 210), "lilac": (190, 130, 220),
    "lavender": (180, 150, 230), "magenta": (230, 60, 180), "rosy": (250, 130, 170),
    "beige": (235, 220, 190), "cream": (250, 245, 220), "ivory": (250, 250, 240),
    "silver": (190, 190, 195), "grey": (140, 140, 140), "tan": (190, 140, 90),
    "chocolate": (100, 60, 30), "dark": (25, 25, 30), "teal": (30, 165, 165),
    "gray": (140, 140, 140), "brown": (128, 75, 45), "ginger": (225, 120, 40),
}  # fmt: skip
NEAR_COLOURS_ZH = {"金色": "golden", "紫罗兰色": "violet", "银色": "silver", "灰色": "gray",
                   "棕色": "brown", "青色": "teal", "褐色": "brown", "米色": "beige"}  # fmt: skip
NEAR_PLACES: dict[str, tuple[str, ...]] = {
    "ocean": ("underwater",), "sea": ("ocean", "beach"), "seaside": ("beach",),
    "shore": ("beach",), "coast": ("beach",), "seascape": ("ocean", "beach"), "sand": ("beach",),
    "sandy": ("beach",), "sunlit forest": ("forest",), "road": ("city",),
    "water": ("ocean", "underwater"),
    "sky": ("clouds", "meadow"), "mountains": ("snow",), "hill": ("misty hills", "meadow"),
    "landscape": ("meadow",), "lake": ("beach",), "river": ("lake", "beach"),
    "jungle": ("forest",), "wood": ("forest",), "autumn forest": ("forest",),
    "field": ("meadow",), "grass": ("meadow",), "park": ("garden", "meadow"),
    "garden": ("meadow",), "winter": ("snow",), "ice": ("snow",), "galaxy": ("space",),
    "universe": ("space",), "cosmos": ("space",), "starry night": ("night sky",),
    "night": ("night sky",), "town": ("city",), "street": ("road", "city"), "skyline": ("city",),
    "downtown": ("city",), "dusk": ("sunset",), "dawn": ("sunset",), "evening": ("sunset",),
    "city at night": ("city",), "dune": ("desert",), "reef": ("underwater",),
    "wave": ("ocean", "beach"),
    "kitchen": ("room",), "house interior": ("room",), "theatre": ("stage",),
}  # fmt: skip
NEAR_THINGS = {
    "ball": "soccer ball", "bike": "bicycle", "blossom": "tulip", "boat": "sailboat",
    "burger": "hamburger", "flower": "sunflower", "fruit": "apple", "jet": "airplane",
    "firetruck": "fire engine", "palace": "castle", "plant": "tree", "pony": "horse",
    "soldier": "guard", "vehicle": "car", "vixen": "fox",
}  # fmt: skip
KIN = """
    8ball ale alpaca amoeba ape aubergine bactrian ballpoint bandage bath beads beet bento bicyclist
    bilberry blueberry boba bookbag brachiosaurus brontosaurus bulb bull bumblebee bunny buoy burger
    burro buttercup cab cabinet caboose camcorder cantaloupe capsicum cart cash cats cereal chess
    chime circus clapper clown coder cog cogwheel comb concertina conch confetti conga congee cop
    copter corvid cosmetics cowboy cowgirl cracker crow crêpe curry cutlery cygnet dandelion denim
    desktop developer dice die diplodocus disc diya djinn dogs donut dracula dromedary drumstick
    drumsticks duckling dynamite earbud earthworm edamame eggs electrician elk elves email empanada
    engineer entertainer equine eruption escargot evergreen extinguisher eyeglasses fan fax feline
    fife firebird flame fowl frankfurter fries fuji fungi futbol gander gardener geek geese gift
    gondola graduate grandfather grandma grandmother grandpa grape grasshopper grave graveyard
    grizzly guanaco gun guy gyro gyōza handgun hashi hatchet hats headscarf heel heels hero hijab
    hinny hippo hocho honeypot horses hotcake hotdog hurricane iceberg icecream instructor jet jewel
    jewels jiaozi jinn joey jug keys kid kitten kitty kiwi lady ladybird lamb lambchop letter
    lettuce lifesaver lift links liquor loaf lotion lovers luge mail maize manager maple martini
    mathematician merwoman mic mollusk monarch moneybag monitor mousetrap moyai mule naan necklace
    nectarine nerd noodle nurse oatmeal officer paella pancake paperclips parasail pasta pawn pea
    peahen peanut pho physicist piano piccolo pick-up pickle pickup pierogi pills pinada pinata
    pingpong pistol pita pixie piña plate plug popper porkchop porridge portobello potsticker pouch
    poultry prawn present prints professor pudding puppies puppy puzzle racehorse radish ramen
    rancher raven reptile revolver rickshaw roach rockets rockstar rook rope rucksack rugby sandals
    satchel saturn saucer sausage saw sax scale scotch seat serpent shampoo shell shellfish shiitake
    shroom shuttlecock skates sledge sleigh sleuth slipper slug snapdragon sneaker snowboard soccer
    soda sorcerer sorceress sow soybean spade squirrel stars steak stein stiletto stocking streamer
    suitcase sunshine swords teddy tempura terrapin thunderbolt thunderstorm tickets tire toadstool
    toast toboggan tomb tombstone tophat torch tortoise trains tramway trousers truffle tshirt
    tumbler turban turd turnip twister typhoon tyrannosaurus urn van vest vicuña videogame villain
    wand whirlwind whiskey whisky wine wisent xray yacht yoga yuèbǐng yurt zōri
"""
"""Of Unicode's keywords those that name their thing, or a kind of it; the others say only what
comes to mind beside it, and would have "slow" drawn as a sloth and "strong" as a lion."""
NEAR_PLACES_ZH: dict[str, tuple[str, ...]] = {
    "海洋": ("ocean", "underwater"), "大海": ("ocean", "underwater"), "海": ("ocean", "beach"),
    "海边": ("beach",), "水面": ("ocean", "beach"), "波浪": ("ocean", "beach"),
    "海风": ("ocean", "beach"), "夜晚": ("night sky",), "晚上": ("night sky",),
    "天空": ("clouds", "meadow"), "山": ("mountains", "snow"), "树林": ("forest",),
    "田野": ("farm", "meadow"), "花园": ("garden", "meadow"), "街道": ("road", "city"),
    "冬天": ("snow",), "秋天": ("autumn forest", "forest"), "黄昏": ("sunset",),
}  # fmt: skip


def build_words(world: World, pack: Path, *, speaks_chinese: bool) -> dict[str, object]:
    """The five tables. A model that reads no Chinese is told the same in English."""
    relatives = find_relatives(world, pack)
    known = set(map(plain_form, _english(world)))
    silent = {*SILENT.split(), *(word.strip() for word in phrases.PRAISE)} - known
    near = _near_english(world, relatives)
    told = [*_chinese(world)]
    own, near_zh = dict(told), _near_chinese(world, relatives)
    same: dict[str, str] = {}
    if speaks_chinese:
        silent |= set(SILENT_ZH.split()) - own.keys()
        known |= own.keys()
        said = {name: word for word, name in reversed(told)}
        near |= {w: said[name] for w, name in near_zh.items() if not (w.isascii() or w in own)}
    else:
        same = {word: _apart(name, world) for word, name in own.items()}
        same |= {word: "" for word in SILENT_ZH.split() if word not in own}
        near |= {word: _apart(name, world) for word, name in near_zh.items() if word not in own}
    near = {plain_form(word): name for word, name in near.items()}
    near = {word: name for word, name in near.items() if word not in known | silent | same.keys()}
    foreign = set(map(plain_form, _foreign(world))) - known - silent - near.keys() - same.keys()
    near = {word: name for word, name in near.items() if not _is_described(word, world, known)}
    foreign = {word for word in foreign if not _is_described(word, world, known)}
    return {
        "known": sorted(known),
        "same": dict(sorted(same.items())),
        "silent": sorted(silent),
        "near": dict(sorted(near.items())),
        "foreign": sorted(foreign),
    }


def _is_described(phrase: str, world: World, known: set[str]) -> bool:
    """Whether a phrase is a colour or a size and a thing, all of them known.

    A brown mushroom is one, and a small airplane, though both are things of Unicode's own.
    """
    word, _, thing = phrase.partition(" ")
    is_size = any(f"{word} {{}}" in patterns for patterns in phrases.SIZE_PHRASES.values())
    return (word in world.colours or (is_size and word in known)) and thing in known


def _apart(name: str, world: World) -> str:
    """An English word among Chinese ones, where there are no spaces; a place as in a list.

    Nothing for how two things stand to each other: English says it the other way round.
    """
    if name in RELATIONS:
        return ""
    return f", {name}, " if name in world.places else f" {name} "


def _foreign(world: World) -> Iterator[str]:
    """Words that are words, and are to be named whole."""
    for thing in all_things().values():
        yield from (thing.name.lower(), *phrases.SYNONYMS.get(thing.name, ()), *thing.labels_zh)
    for table in (phrases.STYLE_PHRASES, phrases.STYLES_ZH, phrases.PLACES_ZH):
        for words in table.values():
            yield from words
    yield from (*COLOURS, *phrases.COLOURS_ZH.values())


def find_relatives(world: World, pack: Path) -> dict[str, str]:
    """For things out of the world the one in it that is of their kind and most like them.

    Most like is what shares the most words that few things have, then what looks most alike.
    """
    drawn = list_things(pack) - set(world.things)
    others = [
        thing
        for thing in all_things().values()
        if thing.name in drawn and thing.kind.startswith(ALIKE)
    ]
    names = [*world.things, *(thing.name for thing in others)]
    sprites = read_pack(pack, names, (*world.arts, "noto"), 16)
    looks = {name: _look(sprites.pixels[sprites.row(name, world.arts[0])]) for name in names}
    uses = Counter(word for thing in all_things().values() for word in _words(thing))
    relatives = {}
    for thing in others:

        def distance(name: str, thing: Thing = thing) -> tuple[int, float]:
            shared = _words(thing) & _words(all_things()[name])
            told = sum(uses[word] <= FEW for word in shared)
            return -told, float((looks[thing.name] - looks[name]).square().mean())

        kin = [name for name in world.things if all_things()[name].kind == thing.kind]
        if kin:
            relatives[thing.name] = min(kin, key=distance)
    return relatives


def _words(thing: Thing) -> set[str]:
    return {*thing.name.split(), *thing.synonyms, *thing.keywords_zh, *thing.labels_zh}


def _look(sprite: Tensor) -> Tensor:
    """A drawing as eight times eight spots of premultiplied colour."""
    colours = sprite.float() / 255
    return functional.avg_pool2d(torch.cat([colours[:3] * colours[3:], colours[3:]]), 2).flatten()


def nearest_colour(rgb: tuple[int, int, int], colours: Sequence[str]) -> str:
    """The colour word of the world that is nearest to a colour."""
    wanted = torch.tensor(rgb) / 255

    def distance(name: str) -> float:
        planes = [torch.full((1, 1, 1), number) for number in COLOURS[name]]
        return float((hsv_to_rgb(*planes).flatten() - wanted).square().sum())

    return min(colours, key=distance)


def _english(world: World) -> Iterator[str]:
    """Every phrase the captions of the world are made of, in lower case."""
    for name in world.things:
        yield from (name, *phrases.SYNONYMS.get(name, ()))
    yield from world.colours
    for place in world.places:
        yield from (place, *phrases.PLACE_PHRASES[place])
        for subject in phrases.PLACE_SUBJECTS[place]:
            yield from (subject, subject.removeprefix("a ").removeprefix("the "))
    for art in world.arts:
        yield from phrases.ART_PHRASES.get(art, ())
    for style in world.styles:
        yield from (style, *phrases.STYLE_PHRASES[style])
    if world.sized_share:
        for patterns in phrases.SIZE_PHRASES.values():
            yield from (pattern.format("").strip() for pattern in patterns)
    if world.related_share:
        for words in phrases.RELATION_PHRASES.values():
            yield from words
    yield from (number for count, number in phrases.NUMBERS.items() if count <= world.most)


def _near_english(world: World, relatives: dict[str, str]) -> dict[str, str]:
    kin = set(KIN.split())
    near = dict(_near_places(NEAR_PLACES, world))
    for word, rgb in NEAR_COLOURS.items():
        near.setdefault(word, nearest_colour(rgb, world.colours))
    near |= {word: name for word, name in NEAR_THINGS.items() if name in world.things}
    for name in (*world.things, *relatives):
        near.setdefault(name.lower(), relatives.get(name, name))
        for word in phrases.SYNONYMS.get(name, ()):
            near.setdefault(word, relatives.get(name, name))
    for name in (*world.things, *relatives):
        for word in kin & set(all_things()[name].synonyms):
            near.setdefault(word.lower(), relatives.get(name, name))
    return near


def _chinese(world: World) -> Iterator[tuple[str, str]]:
    """The Chinese words of the world with what they are called in English.

    A word that is told twice means what is told last: a place more often than a thing.
    """
    yield "背景", "background"
    for name in world.things:
        yield from ((label.lower(), name) for label in all_things()[name].labels_zh)
    yield from ((phrases.COLOURS_ZH[colour], colour) for colour in world.colours)
    for table, names in (
        (phrases.PLACES_ZH, world.places),
        (phrases.STYLES_ZH, world.styles),
    ):
        yield from ((word, name) for name in names for word in table.get(name, ()))
    if world.sized_share:
        yield from ((text.replace("{}", ""), size) for size, text in phrases.SIZES_ZH.items())
    if world.related_share:
        for relation, text in phrases.RELATIONS_ZH.items():
            word = text.strip("{}01")
            yield from ((word, relation), (word.removesuffix("的"), relation))
    for count in range(2, world.most + 1):
        for measure in MEASURES_ZH.split():
            yield phrases.NUMBERS_ZH[count] + measure, phrases.NUMBERS[count]
    for art in world.arts:
        yield from ((word, phrases.ART_PHRASES[art][0]) for word in phrases.ARTS_ZH.get(art, ()))


def _near_chinese(world: World, relatives: dict[str, str]) -> dict[str, str]:
    uses = Counter(word for thing in all_things().values() for word in set(thing.keywords_zh))
    near = dict(_near_places(NEAR_PLACES_ZH, world))
    for word, colour in NEAR_COLOURS_ZH.items():
        near.setdefault(word, nearest_colour(NEAR_COLOURS[colour], world.colours))
    for colour in world.colours:
        near.setdefault(phrases.COLOURS_ZH[colour].removesuffix("色"), colour)
    for name in (*world.things, *relatives):
        for word in all_things()[name].labels_zh:
            near.setdefault(word, relatives.get(name, name))
    for name in (*world.things, *relatives):
        for word in all_things()[name].keywords_zh:
            if _is_kin_zh(word, all_things()[name]) and uses[word] == 1:
                near.setdefault(word, relatives.get(name, name))
    return near


def _is_kin_zh(word: str, thing: Thing) -> bool:
    """Whether a keyword names the thing or a kind of it: the last character of a noun says what.

    Single characters are parts of too many other words.
    """
    labels = thing.labels_zh
    return len(word) > 1 and any(word[-1] == name[-1] or word in name for name in labels)


def _near_places(table: dict[str, tuple[str, ...]], world: World) -> Iterator[tuple[str, str]]:
    """Words for places with the first of their neighbours that the world has."""
    near = {
        word: place
        for word, places in (NEAR_PLACES | table).items()
        if (place := next((place for place in places if place in world.places), None))
    }
    for place in NEAR_PLACES.keys() & phrases.PLACE_PHRASES.keys() & near.keys():
        subjects = phrases.PLACE_SUBJECTS[place], phrases.PLACES_ZH[place]
        yield from ((word, near[place]) for words in subjects for word in words)
    yield from ((word, place) for word, place in near.items() if word in table)


def write_words(world: World, pack: Path, path: Path, *, speaks_chinese: bool) -> None:
    """Write words.json, a line for each table."""
    tables = build_words(world, pack, speaks_chinese=speaks_chinese)
    lines = [f'"{name}": {json.dumps(table, ensure_ascii=False)}' for name, table in tables.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
