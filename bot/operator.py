"""What the operator decides for all servers beside `.env`: who is banned everywhere.

`act` works on an open store, whoever opened it: the command line while the bot stands still, or the
running bot when it is asked.
"""

import time

from bot.errors import UserError
from bot.ledger import EVERYWHERE, Block, Deed, Ledger
from bot.store import Store

OPERATOR_ID = 0
"""Stands for the operator where a deed names who did it."""


async def act(store: Store, action: str, user_id: int = 0, reason: str = "") -> str:
    """Do one thing and return what to tell the operator.

    Raises:
        UserError: there is nothing such to do.

    """
    ledger = Ledger(store)
    if action == "bans":
        bans = await ledger.blocks(EVERYWHERE)
        return "\n".join(f"{ban.user_id} {ban.reason}".rstrip() for ban in bans) or "nobody"
    if action == "audit":
        return "\n".join(map(_line, await ledger.audit(user_id, 50))) or "nothing yet"
    if not 0 < user_id < 2**63:
        raise UserError(f"{user_id} is no id of a Discord user, such as 80351110224678912.")
    if action == "unban":
        if not await ledger.unblock(EVERYWHERE, user_id):
            raise UserError(
                f"{user_id} is not banned by `easel admin ban`; look at BANNED in .env."
            )
        text = f"{user_id} may paint again"
    else:
        ban = Block(
            guild_id=EVERYWHERE, user_id=user_id, until=None, reason=reason, by_id=OPERATOR_ID
        )
        await ledger.block(ban)
        text = f"{user_id} may paint nowhere any more"
    await ledger.note(
        Deed(
            guild_id=EVERYWHERE,
            by_id=OPERATOR_ID,
            action=action,
            target=f"user {user_id}",
            after=reason or None,
        )
    )
    return text


def _line(deed: Deed) -> str:
    at = time.strftime("%Y-%m-%d %H:%M", time.gmtime(deed.at))
    before = "" if deed.before is None else f" before={deed.before}"
    after = "" if deed.after is None else f" after={deed.after}"
    return f"{at} user={deed.by_id} {deed.action}: {deed.target}{before}{after}"
