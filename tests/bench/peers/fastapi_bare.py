"""The least a FastAPI service can do: one handler, the key checked in memory, no models."""
import hashlib
import hmac
import os

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from shared import Assistants, BreakerOpen

KEY_HASH = hashlib.sha256(os.environ["API_KEY"].encode()).digest()

app = FastAPI()
assistants = Assistants()


@app.get("/api/v1/vapi/settings")
async def read_settings(request: Request):
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    given = hashlib.sha256(key.encode()).digest()
    if scheme.lower() != "bearer" or not hmac.compare_digest(given, KEY_HASH):
        return JSONResponse({"detail": "Send a valid API key."}, 401)
    try:
        return JSONResponse(await assistants.settings("ws_1"))
    except BreakerOpen:
        return JSONResponse({"detail": "Vapi is temporarily unavailable."}, 503)
    except httpx.HTTPError:
        return JSONResponse({"detail": "Vapi did not answer."}, 502)
