"""What Discord refuses and its OpenAPI description does not tell: lengths, counts, combinations.

Each function raises `ApiError` for a body that Discord would refuse, and does nothing else.
"""

from collections.abc import Iterator

from bot.playground.errors import ApiError, Json, invalid, too_long

CONTENT = 2000
FILE_BYTES = 10 * 1024 * 1024
REQUEST_BYTES = 25 * 1024 * 1024
EPHEMERAL, LOADING, V2 = 64, 128, 32768
SENDABLE = 4 | 4096 | V2
V2_TYPES = {9, 10, 11, 12, 13, 14, 17}
SELECTS = {3, 5, 6, 7, 8}


def walk(components: list[Json]) -> Iterator[Json]:
    """Every component, those inside others too."""
    for component in components:
        yield component
        yield from walk(component.get("components") or [])
        for key in ("accessory", "component"):
            if component.get(key):
                yield from walk([component[key]])


def check_files(sizes: list[int], most: int = FILE_BYTES) -> None:
    """Ten files of at most this, and 25 MiB in all."""
    if any(size > most for size in sizes) or sum(sizes) > REQUEST_BYTES:
        raise ApiError(40005)
    if len(sizes) > 10:
        raise invalid("attachments", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")


def check_message(message: Json) -> None:
    """A message as it would stand after creating or editing it."""
    content, embeds = message["content"], message["embeds"]
    if len(content) > CONTENT:
        raise too_long("content", CONTENT)
    if len(embeds) > 10:
        raise too_long("embeds", 10)
    if sum(map(embed_length, embeds)) > 6000:
        raise invalid(
            "embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000"
        )
    if len(message["attachments"]) > 10:
        raise too_long("attachments", 10)
    check_components(message["components"], v2=bool(message["flags"] & V2))
    if message["flags"] & V2:
        if content or embeds or message.get("poll"):
            raise invalid(
                "content" if content else "embeds",
                "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                "This field cannot be used with MessageFlags.IS_COMPONENTS_V2",
            )
        if not message["components"]:
            raise ApiError(50006)
    elif not (content.strip() or embeds or message["components"] or message["attachments"]):
        raise ApiError(50006)


def embed_length(embed: Json) -> int:
    """The characters of an embed that count towards 6,000."""
    texts = [embed.get("title"), embed.get("description")]
    texts += [(embed.get("footer") or {}).get("text"), (embed.get("author") or {}).get("name")]
    for field in embed.get("fields") or []:
        texts += [field["name"], field["value"]]
    return sum(len(text or "") for text in texts)


def check_components(components: list[Json], *, v2: bool) -> None:
    """Rows, buttons, selects, and the rules of Components V2."""
    every = list(walk(components))
    if v2:
        if len(every) > 40:
            raise invalid("components", "COMPONENT_MAX_TOTAL", "At most 40 components in total.")
        if sum(len(c["content"]) for c in every if c["type"] == 10) > 4000:
            raise invalid("components", "COMPONENT_MAX_TEXT", "At most 4000 characters of text.")
    else:
        if len(components) > 5:
            raise invalid(
                "components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length."
            )
        for n, component in enumerate(components):
            if component["type"] != 1:
                raise invalid(f"components.{n}.type", "BASE_TYPE_CHOICES", "Must be one of (1,).")
    seen: set[str] = set()
    for component in every:
        if component["type"] == 1:
            _check_row(component)
        elif component["type"] == 2:
            _check_button(component)
        elif component["type"] == 3:
            _check_options(component)
        custom_id = component.get("custom_id")
        if custom_id is None:
            continue
        if not 1 <= len(custom_id) <= 100:
            raise invalid("components", "BASE_TYPE_BAD_LENGTH", "custom_id: 1 to 100 in length.")
        if custom_id in seen:
            raise invalid(
                "components",
                "COMPONENT_CUSTOM_ID_DUPLICATED",
                "Component custom id cannot be duplicated",
            )
        seen.add(custom_id)


def _check_row(row: Json) -> None:
    inner = row.get("components") or []
    selects = [c for c in inner if c["type"] in SELECTS | {4}]
    if not 1 <= len(inner) <= 5 or (selects and len(inner) > 1):
        raise invalid(
            "components", "BASE_TYPE_BAD_LENGTH", "A row holds 1 to 5 buttons or one select."
        )


def _check_button(button: Json) -> None:
    style = button.get("style")
    wanted = {5: "url", 6: "sku_id"}.get(style or 0, "custom_id")
    given = {key for key in ("custom_id", "url", "sku_id") if button.get(key)}
    if given != {wanted}:
        raise invalid(
            f"components.{wanted}",
            "BASE_TYPE_REQUIRED",
            f"A button of style {style} has {wanted} and nothing of its kind beside it.",
        )
    if len(button.get("label") or "") > 80:
        raise too_long("components.label", 80)
    if style != 6 and not button.get("label") and not button.get("emoji"):
        raise invalid("components.label", "BASE_TYPE_REQUIRED", "A button has a label or an emoji.")


def _check_options(select: Json) -> None:
    options = select.get("options") or []
    if not 1 <= len(options) <= 25:
        raise invalid("components.options", "BASE_TYPE_BAD_LENGTH", "1 to 25 in length.")
    if len({o["value"] for o in options}) != len(options):
        raise invalid(
            "components.options",
            "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
            "The specified option value is already used",
        )
    if (select.get("max_values") or 1) > len(options):
        raise invalid("components.max_values", "NUMBER_TYPE_MAX", f"At most {len(options)}.")


def check_mentions(allowed: Json | None) -> None:
    """`parse` and a list of ids for the same kind exclude each other."""
    for kind in ("users", "roles"):
        if allowed and allowed.get(kind) and kind in (allowed.get("parse") or []):
            raise invalid(
                f"allowed_mentions.{kind}",
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.',
            )


def check_modal(modal: Json) -> None:
    """A window with a title and one to five rows, each with one input."""
    title, rows = modal.get("title") or "", modal.get("components") or []
    if not 1 <= len(title) <= 45:
        raise invalid("data.title", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 45 in length.")
    if not 1 <= len(modal.get("custom_id") or "") <= 100:
        raise invalid("data.custom_id", "BASE_TYPE_BAD_LENGTH", "1 to 100 in length.")
    if not 1 <= len(rows) <= 5:
        raise invalid("data.components", "BASE_TYPE_BAD_LENGTH", "1 to 5 in length.")
    for select in (c for c in walk(rows) if c["type"] == 3):
        _check_options(select)
    ids = [c["custom_id"] for c in walk(rows) if c.get("custom_id")]
    if len(ids) != len(set(ids)):
        raise invalid("data.components", "COMPONENT_CUSTOM_ID_DUPLICATED", "Duplicated custom id")


def check_choices(choices: list[Json], kinds: tuple[type, ...]) -> None:
    """At most 25 choices of an autocomplete, each of the option's kind, texts of at most 100."""
    if len(choices) > 25:
        raise too_long("data.choices", 25)
    for n, choice in enumerate(choices):
        if not 1 <= len(choice["name"]) <= 100:
            raise invalid(f"data.choices.{n}.name", "BASE_TYPE_BAD_LENGTH", "1 to 100 in length.")
        if not isinstance(choice["value"], kinds):
            raise invalid(f"data.choices.{n}.value", "BASE_TYPE_CHOICES", "Not of this option.")
        if isinstance(choice["value"], str) and len(choice["value"]) > 100:
            raise too_long(f"data.choices.{n}.value", 100)
