"""What both FastAPI peers need: the provider's answer made into Ava's, and a breaker."""
import os
import time

import httpx

PROVIDER_URL = os.environ["PROVIDER_URL"]
PROVIDER_KEY = os.environ["PROVIDER_KEY"]
ASSISTANT_ID = os.environ["ASSISTANT_ID"]
CACHE_TTL_S = float(os.environ["CACHE_TTL_SECONDS"])


class BreakerOpen(Exception):
    pass


class Breaker:
    """Opens after five failures in a row, tries again after thirty seconds."""

    def __init__(self, failures_to_open=5, rest_s=30):
        self.failures_to_open = failures_to_open
        self.rest_s = rest_s
        self.failures = 0
        self.open_until = 0.0

    def check(self):
        if self.failures >= self.failures_to_open and time.monotonic() < self.open_until:
            raise BreakerOpen()

    def record(self, ok):
        if ok:
            self.failures = 0
            return
        self.failures += 1
        self.open_until = time.monotonic() + self.rest_s


def to_settings(assistant):
    updated = assistant["updatedAt"]
    values = (("greeting_message", assistant.get("firstMessage")),
              ("max_call_duration", assistant.get("maxDurationSeconds")),
              ("voice_speed", (assistant.get("voice") or {}).get("speed")))
    return {"settings": [{"key": key, "value": value, "updated_at": updated}
                         for key, value in values if value is not None]}


def new_client():
    limits = httpx.Limits(max_connections=1000, max_keepalive_connections=1000)
    return httpx.AsyncClient(base_url=PROVIDER_URL, timeout=5.0, limits=limits,
                             headers={"Authorization": "Bearer " + PROVIDER_KEY})


class Assistants:
    """Reads the assistant through breaker and cache."""

    def __init__(self):
        self.client = new_client()
        self.breaker = Breaker()
        self.cache = {}

    async def settings(self, workspace_id):
        kept = self.cache.get(workspace_id)
        if kept and kept[0] > time.monotonic():
            return kept[1]
        self.breaker.check()
        try:
            answer = await self.client.get("/assistant/" + ASSISTANT_ID)
            answer.raise_for_status()
        except httpx.HTTPError:
            self.breaker.record(False)
            raise
        self.breaker.record(True)
        settings = to_settings(answer.json())
        self.cache[workspace_id] = (time.monotonic() + CACHE_TTL_S, settings)
        return settings
