"""Discord's arithmetic of roles and overwrites."""

import pytest

from bot.playground.permissions import ALL, MEMBER, P, in_channel, in_guild

VIEW, SEND = int(P.VIEW_CHANNEL), int(P.SEND_MESSAGES)


def guild(*, admin=0):
    """A server with an owner, and a member who has one role."""
    roles = [{"id": "1", "permissions": str(VIEW | SEND)}, {"id": "2", "permissions": str(admin)}]
    members = {"owner": {"roles": []}, "member": {"roles": ["2"]}}
    return {"id": "1", "owner_id": "owner", "roles": roles, "members": members}


def overwrite(target, allow=0, deny=0):
    """A channel's exception for a role or member."""
    return {"id": target, "allow": str(allow), "deny": str(deny)}


@pytest.mark.parametrize(
    ("overwrites", "expected"),
    [
        ([], VIEW | SEND),
        ([overwrite("1", deny=SEND)], VIEW),
        ([overwrite("1", deny=SEND), overwrite("2", allow=SEND)], VIEW | SEND),
        ([overwrite("2", allow=SEND), overwrite("member", deny=SEND)], VIEW),
        ([overwrite("1", deny=VIEW)], 0),
    ],
    ids=["none", "everyone", "role over everyone", "member over role", "unseen"],
)
def test_layers(overwrites, expected):
    """Everyone, then roles, then the member; what cannot be seen allows nothing."""
    assert in_channel(guild(), {"permission_overwrites": overwrites}, "member") == expected


def test_owner_and_administrator():
    """Both may do everything, whatever the channel says."""
    channel = {"permission_overwrites": [overwrite("1", deny=VIEW)]}
    assert in_channel(guild(), channel, "owner") == ALL
    assert in_channel(guild(admin=P.ADMINISTRATOR), channel, "member") == ALL


def test_outsider():
    """Who is no member may do nothing."""
    assert in_guild(guild(), "nobody") == 0


def test_an_unheard_voice_attaches_nothing():
    """Without Send Messages neither files nor embeds nor mentions are allowed."""
    server = guild()
    server["roles"][0]["permissions"] = str(int(MEMBER))
    channel = {"permission_overwrites": [overwrite("1", deny=SEND)]}
    assert not in_channel(server, channel, "member") & (P.ATTACH_FILES | P.EMBED_LINKS)
