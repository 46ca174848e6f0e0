"""Rate limits with Discord's headers: one window per bucket, and 50 requests a second in all.

The windows run on the playground's clock; what clients are told to wait is in their own seconds.
"""

from dataclasses import dataclass

from bot.playground.clock import Clock
from bot.playground.errors import Json

GLOBAL = 50
DEFAULT = (50, 10.0)
MESSAGES = "/channels/{channel}/messages"
MESSAGE = "/channels/{channel}/messages/{message}"
RULES: dict[tuple[str, str], tuple[int, float]] = {
    ("POST", MESSAGES): (5, 5.0),
    ("PATCH", MESSAGE): (5, 5.0),
    ("DELETE", MESSAGE): (5, 1.0),
    ("POST", "/channels/{channel}/typing"): (5, 5.0),
    ("*", "/reactions"): (1, 0.25),
    ("*", "/webhooks"): (5, 2.0),
    ("OLD", MESSAGE): (3, 6.0),
}
"""What is observed of Discord, which does not publish its limits; OLD: edits after an hour."""


@dataclass
class Window:
    """A bucket's present window."""

    ends: float
    used: int = 0


class Rates:
    """Counts requests; `off` lets everything pass, and tells nobody to wait."""

    def __init__(self, clock: Clock, *, off: bool = False) -> None:
        self.clock, self.off = clock, off
        self._windows: dict[str, Window] = {}

    def take(self, bucket: str, limit: int, per_s: float) -> tuple[Window, bool]:
        """One request; the window, and whether it fits in."""
        now = self.clock.now()
        if self.off:  # clients hold back by what they are told: a window that ends at once
            return Window(now, 1), True
        window = self._windows.get(bucket)
        if window is None or window.ends <= now:
            window = self._windows[bucket] = Window(now + per_s)
        if window.used >= limit:
            return window, False
        window.used += 1
        return window, True

    def check(self, method: str, template: str, major: str) -> tuple[dict[str, str], Json | None]:
        """Headers for a request, and the body of a 429 if it comes too early."""
        rule = method, template
        if not template.startswith("/webhooks"):  # answers do not count towards the global limit
            window, fits = self.take("global", GLOBAL, 1.0)
            if not fits:
                return self._refusal(window, {"X-RateLimit-Global": "true"}, "global")
        if "/reactions/" in template:
            rule = "*", "/reactions"
        elif template.startswith("/webhooks"):
            rule = "*", "/webhooks"
        limit, per_s = RULES.get(rule, DEFAULT)
        bucket = f"{rule[0]}:{rule[1]}"
        window, fits = self.take(f"{bucket}:{major}", limit, per_s)
        headers = {
            "X-RateLimit-Bucket": f"{hash(bucket) & 0xFFFFFFFF:08x}",
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, limit - window.used)),
            "X-RateLimit-Reset": f"{window.ends:.3f}",
            "X-RateLimit-Reset-After": f"{self._wait_s(window):.3f}",
        }
        return (headers, None) if fits else self._refusal(window, headers, "user")

    def check_old_edit(self, channel_id: str) -> Json | None:
        """The body of the 429 that edits of messages older than an hour meet."""
        window, fits = self.take(f"old:{channel_id}", *RULES["OLD", MESSAGE])
        if fits:
            return None
        sentence = "Maximum number of edits to messages older than 1 hour reached. Try again later."
        return {
            "message": sentence,
            "code": 30046,
            "retry_after": self._wait_s(window),
            "global": False,
        }

    def _wait_s(self, window: Window) -> float:
        return round(self.clock.real_s(max(0.0, window.ends - self.clock.now())) + 0.001, 3)

    def _refusal(
        self, window: Window, headers: dict[str, str], scope: str
    ) -> tuple[dict[str, str], Json]:
        wait_s = self._wait_s(window)
        body: Json = {
            "message": "You are being rate limited.",
            "retry_after": wait_s,
            "global": scope == "global",
            "code": 0,
        }
        # discord.py takes a 429 without Via for a ban by Cloudflare
        told = {"Via": "1.1 google", "Retry-After": str(int(wait_s) + 1)}
        return {**headers, **told, "X-RateLimit-Scope": scope}, body
