"""LiteLLM. On loopback its router repeats what fails, whatever the answer says. It cannot be given a Unix socket; there
the function that it calls is repeated after a time-out or a lost connection.

LiteLLM edits with an HTTP client of its own, not with openai-python.
"""
import asyncio
import base64
import os
from importlib.metadata import version

# It would load a table of prices from the Internet.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import httpx
import litellm
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

from errand import serve

litellm.suppress_debug_info = True


async def edit(errand):
    deployment = {"model": f"openai/{errand.model}", "api_base": errand.base_url, "api_key": "fluxq"}
    with open(errand.image, "rb") as picture:
        request = {"image": picture.read(), "prompt": errand.prompt, "timeout": errand.timeout or 600, **errand.fields}
    if errand.timeout is None:
        return await call(errand, deployment, request)
    if errand.socket is None:
        router = litellm.Router(
            model_list=[{"model_name": "edit", "litellm_params": deployment}], num_retries=2, disable_cooldowns=True)
        return await router.aimage_edit(model="edit", **request)
    for attempt in range(3):
        try:
            return await call(errand, deployment, request)
        except (litellm.Timeout, litellm.APIConnectionError, litellm.InternalServerError):
            if attempt == 2:
                raise


async def call(errand, deployment, request):
    options = {}
    if errand.socket:
        options["client"] = AsyncHTTPHandler(transport=httpx.AsyncHTTPTransport(uds=errand.socket))
    return await litellm.aimage_edit(**deployment, **request, **options)


async def carry_out(errand):
    answer = await edit(errand)
    transport = httpx.AsyncHTTPTransport(uds=errand.socket) if errand.socket else None
    async with httpx.AsyncClient(transport=transport, timeout=30) as client:
        return [
            (await client.get(item.url)).raise_for_status().content if item.url
            else base64.b64decode(item.b64_json, validate=True) for item in answer.data]


serve(version("litellm"), lambda errand: asyncio.run(carry_out(errand)))
