"""A server's rules in layers: what holds, and who decided it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.jobs import Lane
from bot.rules import Operator, Rules, key, split_key
from bot.values import BUTTONS, BY_NAME, NSFW, VALUES, Layer, Quota
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
CHANNEL, ROLE, OTHER_ROLE = 10, 20, 21
AT_CHANNEL = f"channel:{CHANNEL}/"
AT_ROLE, AT_OTHER = f"role:{ROLE}/", f"role:{OTHER_ROLE}/"


def rules(stored, **more):
    """Read rules as a member with two roles meets them in a channel."""
    return Rules.read(stored, places={CHANNEL}, roles={ROLE, OTHER_ROLE}, **more)


@pytest.mark.parametrize(
    ("stored", "steps", "layer", "where"),
    [
        ({}, None, Layer.EASEL, None),
        ({"steps": 30}, 30, Layer.SERVER, None),
        ({"steps": 30, AT_CHANNEL + "steps": 40}, 40, Layer.CHANNEL, CHANNEL),
        ({"steps": 30, "channel:99/steps": 40}, 30, Layer.SERVER, None),
        ({AT_CHANNEL + "steps": 40, AT_ROLE + "steps": 5}, 5, Layer.ROLE, ROLE),
        ({AT_ROLE + "steps": 5, AT_OTHER + "steps": 9}, 9, Layer.ROLE, OTHER_ROLE),
        ({"steps": 30, "role:99/steps": 90}, 30, Layer.SERVER, None),
        ({"steps": "nonsense"}, None, Layer.EASEL, None),
    ],
)
def test_the_closest_layer_decides(stored, steps, layer, where):
    """Role before channel before server, of several roles the most generous; and it is told."""
    read = rules(stored)
    assert read.steps == steps
    assert (read.decided["steps"].layer, read.decided["steps"].where) == (layer, where)


@pytest.mark.parametrize(
    ("allowed", "wanted", "lane"),
    [
        ({}, None, "fast"),
        ({}, "relax", "relax"),
        ({}, "turbo", "fast"),
        ({"lanes": "relax"}, None, "relax"),
        ({"lanes": "relax"}, "turbo", "relax"),
        ({"lanes": "relax", AT_ROLE + "lanes": "turbo fast"}, "turbo", "turbo"),
        ({"lanes": "warp"}, "turbo", "fast"),
    ],
)
def test_a_job_runs_in_a_lane_that_is_allowed(allowed, wanted, lane):
    """The wanted lane if it is allowed, else the usual one, else whatever is allowed."""
    assert rules(allowed).lane(wanted and Lane(wanted)) == lane


def test_nobody_exceeds_the_operator():
    """A limit above the operator's becomes the operator's, and the reason says what was set."""
    read = rules({AT_ROLE + "steps": 90, "size": 32}, operator=Operator(steps=50, size=512))
    assert read.steps == 50
    assert read.decided["steps"].layer is Layer.OPERATOR
    assert "role says 90" in read.decided["steps"].why()
    assert rules({"steps": 30}, operator=Operator(steps=50)).decided["steps"].layer is Layer.SERVER
    assert rules({}, operator=Operator(pictures=2)).pictures == 2


NUMBERS = st.dictionaries(
    st.sampled_from(["steps", AT_CHANNEL + "steps", AT_ROLE + "steps", AT_OTHER + "steps"]),
    st.integers(1, 1000),
)


@given(NUMBERS, st.integers(1, 1000))
def test_whatever_is_set_the_operator_stands_above(stored, most):
    """No combination of layers gives more than the operator allows."""
    assert rules(stored, operator=Operator(steps=most)).steps <= most


@pytest.mark.parametrize("age_restricted", [True, False])
@pytest.mark.parametrize("server", NSFW)
@pytest.mark.parametrize("channel", NSFW)
@pytest.mark.parametrize("operator", NSFW)
def test_only_age_restricted_channels_loosen(operator, server, channel, age_restricted):
    """A channel may always be stricter, looser only if it is age-restricted, the operator wins."""
    stored = {"nsfw": server, AT_CHANNEL + "nsfw": channel}
    read = rules(stored, operator=Operator(nsfw=operator), age_restricted=age_restricted)
    wanted = channel if age_restricted else max(server, channel, key=NSFW.index)
    assert read.nsfw == max(operator, wanted, key=NSFW.index)


def test_a_picture_quota_and_a_minute_quota():
    """Quotas are read as people type them, and of several roles the more generous holds."""
    read = rules({"day": "40 pictures", "hour": "1 Minute", "month": "many"})
    assert read.quotas() == {"day": Quota(40, "pictures"), "hour": Quota(1, "minutes")}
    assert str(read.hour) == "1 minute"
    read = rules({AT_ROLE + "day": "40 pictures", AT_OTHER + "day": "10 minutes"})
    assert read.day == Quota(10, "minutes")
    assert rules({AT_ROLE + "cooldown": 60, AT_OTHER + "cooldown": 5}).cooldown == 5


def test_refused_roles_win_over_allowed_ones():
    """Whoever has a refused role may not paint, whatever other roles they have."""
    read = Rules.read({"roles": [20], "refused": [21]})
    read.check_place({1}, {20})
    with pytest.raises(UserError, match="With the role <@&21>"):
        read.check_place({1}, {20, 21})


def test_models():
    """Where models are named, others are refused, also of old pictures, and the roles' add up."""
    read = rules({AT_ROLE + "models": ["Tiny"], AT_OTHER + "models": ["big"]})
    assert read.models == {"tiny", "big"}
    read.check_request(REQUEST)
    with pytest.raises(UserError, match="painted with `tiny`; here it is `big`"):
        rules({"models": ["big"]}).check_request(REQUEST)
    with pytest.raises(UserError, match="big only, which Easel does not have"):
        rules({"models": ["big"]}).cards(())


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.name)
def test_each_value_reads_and_shows(value):
    """Each value reads what is stored of it, shows it, and passes nonsense over."""
    good = {
        "channels": [1], "roles": [1], "refused": [1], "models": ["tiny"], "defaults": "--steps 4",
        "hour": "1 minute", "day": "2 pictures", "month": "3 pictures", "buttons": BUTTONS[1],
        "nsfw": NSFW[1], "size": 64, "language": "zh-TW", "lanes": "turbo relax",
    }.get(value.name, 1)  # fmt: skip
    read = value.read(good)
    assert read is not None
    assert value.show(read)
    for nonsense in (None, -1, [], {}, "x" * 2000, ["x", 1]):
        assert value.read(nonsense) is None or value.name in {"models", "defaults"}


def test_keys_come_apart_as_they_were_made():
    """A kept key names its value and layer; what is no key of ours is passed over."""
    for layer, where in ((Layer.SERVER, None), (Layer.CHANNEL, 5), (Layer.ROLE, 6)):
        assert split_key(key("steps", layer, where)) == ("steps", layer, where)
    for other in ("role:5/channels", "role:x/steps", "steps/", "nothing", "", "role:5/log"):
        assert split_key(other) is None
    assert set(BY_NAME) == set(Rules.__dataclass_fields__) - {"decided"}
