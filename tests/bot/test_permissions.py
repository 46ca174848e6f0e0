"""Who may do what, decided from plain values."""

import discord
import pytest

from bot import permissions
from bot.errors import UserError
from bot.rules import Rules
from engine import Request

REQUEST = Request(
    prompt="a fox",
    seed=7,
    num_inference_steps=20,
    guidance_scale=1.0,
    width=64,
    height=128,
    model="tiny",
)


def test_the_invite_link_asks_for_just_what_is_used():
    """The invite link has two scopes and seven permissions, none of them over others."""
    link = permissions.invite_link(42)
    assert link.startswith("https://discord.com/oauth2/authorize?client_id=42&")
    assert "scope=bot+applications.commands" in link
    assert f"permissions={0x40 + 274878024704}" in link
    asked = {name for name, value in permissions.INVITED_WITH if value}
    assert asked == {
        "read_messages",  # discord.py's older name of View Channel
        "send_messages",
        "send_messages_in_threads",
        "embed_links",
        "attach_files",
        "read_message_history",
        "add_reactions",
    }


def test_without_rules_everything_is_allowed():
    """A server that has set nothing restricts nothing."""
    rules = Rules.read({})
    rules.check_place({1}, set())
    rules.check_request(REQUEST)
    assert rules.limits().max_steps is None


@pytest.mark.parametrize(
    ("places", "roles", "refused"),
    [
        ({10}, {20}, None),
        ({99, 10}, {20, 21}, None),  # a thread of an allowed channel
        ({99}, {20}, "<#10>"),
        ({10}, {99}, "<@&20>"),
        ({10}, set(), "<@&20>"),
    ],
)
def test_channels_and_roles(places, roles, refused):
    """One allowed channel and one allowed role are needed; the refusal names them."""
    rules = Rules.read({"channels": [10], "roles": [20], "of a newer version": 1})
    if refused is None:
        rules.check_place(places, roles)
    else:
        with pytest.raises(UserError, match=refused):
            rules.check_place(places, roles)


@pytest.mark.parametrize(
    ("stored", "refused"),
    [
        ({"steps": 20, "size": 128}, None),
        ({"steps": 19}, "allows 19 now"),
        ({"size": 127}, "allows 127 at most"),
    ],
)
def test_old_requests_meet_todays_limits(stored, refused):
    """A button of a picture that was larger than is allowed now is refused, and says so."""
    rules = Rules.read(stored)
    if refused is None:
        rules.check_request(REQUEST)
    else:
        with pytest.raises(UserError, match=refused):
            rules.check_request(REQUEST)


def test_what_the_bot_lacks_is_named_as_discord_names_it():
    """Missing permissions are named in the words of Discord's settings; an admin lacks none."""
    none = discord.Permissions.none()
    assert permissions.missing(none) == ["View Channel", "Send Messages", "Attach Files"]
    assert "Send Messages in Threads" in permissions.missing(none, thread=True)
    assert not permissions.missing(permissions.INVITED_WITH)
    assert not permissions.missing(permissions.INVITED_WITH, thread=True)
    assert not permissions.missing(discord.Permissions(administrator=True))


def test_admins_and_moderators():
    """Manage Server changes rules, Manage Messages moderates, Administrator does both."""
    assert permissions.may_manage(discord.Permissions(manage_guild=True))
    assert not permissions.may_manage(discord.Permissions(manage_messages=True))
    assert permissions.may_moderate(discord.Permissions(manage_messages=True))
    assert not permissions.may_moderate(discord.Permissions(manage_guild=True))
    everything = discord.Permissions(administrator=True)
    assert permissions.may_manage(everything)
    assert permissions.may_moderate(everything)
