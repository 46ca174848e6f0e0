"""Where the items of a scene stand: one large, a row, a pair by its relation, a loose crowd."""

from collections.abc import Callable, Sequence

from engine.training.world import Item, Scene

Chance = Callable[[float, float], float]  # a number between two
Spot = tuple[float, float, float]  # centre x and y (0..1) and side (in shorter sides)

SIDES = {"tiny": (0.22, 0.3), "huge": (0.95, 1.1), "close-up": (1.5, 1.8), None: (0.64, 0.82)}
BEHIND = ("behind", "in front")


def place_items(items: Sequence[Item], scene: Scene, chance: Chance) -> list[tuple[Item, Spot]]:
    """A spot for each item, in the order in which they are painted."""
    if len(items) == 1:
        low, high = SIDES[scene.size]
        return [(items[0], (chance(0.44, 0.56), chance(0.5, 0.58), chance(low, high)))]
    if len(items) == 2 and scene.relation:
        return _place_pair(items[0], items[1], scene.relation, chance)
    if len(items) > 3:
        return _place_crowd(items, chance)
    side = chance(0.42, 0.48) if len(items) == 2 else chance(0.32, 0.38)
    return [
        (item, ((column + 0.5) / len(items) + chance(-0.02, 0.02), chance(0.52, 0.62), side))
        for column, item in enumerate(items)
    ]


def _place_pair(one: Item, other: Item, relation: str, chance: Chance) -> list[tuple[Item, Spot]]:
    """Two items, the first left, right, above, below, behind or in front of the second."""
    if relation in BEHIND:
        back, front = (one, other) if relation == "behind" else (other, one)
        far = (chance(0.4, 0.6), chance(0.36, 0.42), chance(0.5, 0.58))
        near = (1 - far[0] + chance(-0.06, 0.06), chance(0.68, 0.74), chance(0.42, 0.48))
        return [(back, far), (front, near)]
    side = chance(0.4, 0.46)
    first, second = (one, other) if relation in ("left", "above") else (other, one)
    low, high = 0.26 + chance(-0.02, 0.02), 0.74 + chance(-0.02, 0.02)
    across, down = chance(0.46, 0.54), chance(0.5, 0.6)
    if relation in ("left", "right"):
        return [(first, (low, down, side)), (second, (high, down, side))]
    return [(first, (across, low, side)), (second, (across, high, side))]


def _place_crowd(items: Sequence[Item], chance: Chance) -> list[tuple[Item, Spot]]:
    """Four and more items loosely on a grid, the lower ones nearer and so a little larger."""
    columns = 2 if len(items) == 4 else 3
    rows = (len(items) + columns - 1) // columns
    spots = []
    for place, item in enumerate(items):
        row, column = divmod(place, columns)
        in_row = min(columns, len(items) - row * columns)
        x = (column + 0.5) / in_row + chance(-0.04, 0.04)
        y = 0.2 + (row + 0.5) / rows * 0.72 + chance(-0.03, 0.03)
        spots.append((item, (x, y, (0.78 + 0.2 * y) * 0.9 / max(columns, rows))))
    return spots
