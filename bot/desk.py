"""What everybody who answers a painter works with: the opened things of one running bot."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

import discord
from discord import app_commands

from bot.belongings import Belongings
from bot.catalogue import Catalogue
from bot.data import DataFolder
from bot.drafts import Drafts
from bot.errors import UserError
from bot.finish import Finisher
from bot.language import _
from bot.ledger import Ledger
from bot.messages import FOREIGN_MODEL
from bot.preferences import Preferences
from bot.pressed import Pressed
from bot.rules import Operator, Rules
from bot.runner import Runner
from bot.safety import Guard
from bot.settings import Settings
from bot.store import Store
from engine import ControlFolder, Engine, Event, Failed, LoraFolder, ModelCard, Request

MOST_RULES = 1000
"""So many people and places are remembered with what holds for them."""


@dataclass(slots=True)
class Desk:
    """The store, the engine and the runner, with what is asked of them at every press."""

    settings: Settings
    store: Store
    data: DataFolder
    engine: Engine
    runner: Runner
    finisher: Finisher
    guard: Guard
    closing: bool = False
    offer: Callable[[discord.Interaction[Any]], Awaitable[None]] | None = None
    """Gives a painter on their next occasion what could not be delivered to them."""
    ledger: Ledger = field(init=False)
    belongings: Belongings = field(init=False)
    drafts: Drafts = field(init=False)
    loras: LoraFolder = field(init=False)
    controls: ControlFolder = field(init=False)
    pressed: Pressed = field(init=False)
    catalogue: Catalogue = field(init=False)
    doomed: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    """Set when there are messages to delete for somebody who asked to be forgotten."""
    unlogged: dict[int, list[str]] = field(default_factory=dict, init=False)
    """The lines that wait for a server's log channel, while one is written there."""
    _turns: WeakValueDictionary[int, asyncio.Lock] = field(
        default_factory=WeakValueDictionary, init=False
    )
    _errands: set[asyncio.Task[object]] = field(default_factory=set, init=False)
    _rules: dict[Any, tuple[int, Rules]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Open the desk's tables of the store, and the operator's folders."""
        self.ledger = Ledger(self.store)
        self.belongings = Belongings(self.store)
        self.drafts = Drafts(self.data.root / "drafts")
        self.loras = LoraFolder(self.settings.loras)
        self.controls = ControlFolder(self.settings.controls)
        self.pressed = Pressed()
        self.catalogue = Catalogue(self.loras, self.controls)

    def turn_of(self, number: int) -> asyncio.Lock:
        """Return the lock of a painter, from the look at a quota on, or of a job being shown."""
        return self._turns.setdefault(number, asyncio.Lock())

    def start(self, errand: Coroutine[Any, Any, object]) -> None:
        """Let something happen that nobody waits for."""
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def ending(self, number: int, user_id: int, request: Request, aim: str) -> Event | None:
        """Let the engine explain or weigh a request for somebody; return how that ended.

        Raises:
            UserError: it could not.

        """
        ending = None
        async for event in self.engine.submit(number, request, share=str(user_id), aim=aim):
            ending = event
        if isinstance(ending, Failed):
            raise UserError(ending.sentence)
        return ending

    def cards(self) -> tuple[ModelCard, ...]:
        """Return the models one may paint with; the first is the default."""
        return self.engine.models()

    def card(self, name: str) -> ModelCard:
        """Return the model of that name.

        Raises:
            UserError: Easel does not have it (any more).

        """
        cards = self.cards()
        for card in cards:
            if card.name == name:
                return card
        models = ", ".join(f"`{card.name}`" for card in cards)
        raise UserError(_(FOREIGN_MODEL).format(model=name, models=models))

    async def preferences(self, user_id: int) -> Preferences:
        """Return what a painter prefers; it is at hand but for the first look."""
        return await self.belongings.preferences(user_id)

    async def rules(
        self,
        guild_id: int | None,
        places: Collection[int] = (),
        roles: Collection[int] = (),
        *,
        age_restricted: bool = False,
    ) -> Rules:
        """Return what holds now; in a direct message only the operator decides.

        A job asks several times, so what was found stays at hand until somebody changes a rule.
        """
        age = self.store.rules_age
        asked = (guild_id, frozenset(places), frozenset(roles), age_restricted)
        known_age, known = self._rules.get(asked, (age, None))
        if known is not None and known_age == age:
            return known
        stored: Mapping[str, Any] = (
            {} if guild_id is None else await self.store.guild_setting(guild_id)
        )
        found = Rules.read(
            stored,
            places=places,
            roles=roles,
            operator=operator_of(self.settings),
            age_restricted=age_restricted,
        )
        if len(self._rules) >= MOST_RULES:
            self._rules.clear()
        self._rules[asked] = (age, found)
        return found


def operator_of(settings: Settings) -> Operator:
    """Return what the operator puts above all servers."""
    return Operator(
        steps=settings.max_steps,
        size=settings.max_size,
        pictures=settings.max_pictures,
        retention=settings.retention_days or None,
        batch=settings.max_batch,
        nsfw=settings.nsfw,
    )


class DeskClient(discord.Client):
    """A client that knows its desk, its commands, and what buttons under pictures do."""

    desk: Desk
    tree: app_commands.CommandTree[Any]

    async def speech_of(self, guild_id: int) -> str:
        """Return the language of what everybody sees on a server."""
        guild = self.get_guild(guild_id)
        rules = await self.desk.rules(guild_id)
        return rules.speech(guild.preferred_locale if guild else None)

    async def press(self, asked: "Asked", op: str, job_id: int, index: int) -> None:
        """Do what a button says, or raise a UserError that says why not."""
        raise NotImplementedError


Asked = discord.Interaction[DeskClient]
"""An interaction that Easel answers: `asked.client.desk` is at hand."""
