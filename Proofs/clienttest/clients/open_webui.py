"""Open WebUI's image edit, whose call this is: aiohttp, every field as text, `image[]`, base64 unless the model is a
gpt-image, one try. The user's second click is the same request again."""
import asyncio
import base64

import aiohttp

from errand import Refused, serve


def form_of(errand):
    form = aiohttp.FormData()
    for name, value in {
        "model": errand.model, "prompt": errand.prompt, "n": 1, "size": "512x512", "response_format": "b64_json",
        "background": "auto",
    }.items():
        form.add_field(name, str(value))
    with open(errand.image, "rb") as picture:
        form.add_field("image[]", picture.read(), filename="image.jpg", content_type="image/jpeg")
    return form


async def edit(errand):
    connector = aiohttp.UnixConnector(path=errand.socket) if errand.socket else aiohttp.TCPConnector()
    timeout = aiohttp.ClientTimeout(total=errand.timeout)
    headers = {
        "Authorization": "Bearer fluxq", "X-OpenWebUI-User-Name": "Ada", "X-OpenWebUI-User-Id": "1",
        "X-OpenWebUI-User-Email": "ada@example.org", "X-OpenWebUI-User-Role": "user"}
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        for click in range(3):
            try:
                async with session.post(
                    f"{errand.base_url}/images/edits?api-version=2025-04-01-preview", headers=headers,
                    data=form_of(errand)
                ) as response:
                    body = await response.read()
                break
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError):
                if click == 2:
                    raise
        if response.status >= 400:
            raise Refused(response.status, body)
        answer = await response.json(content_type=None)
        return [base64.b64decode(item["b64_json"], validate=True) for item in answer["data"]]


serve(f"its call (aiohttp {aiohttp.__version__})", lambda errand: asyncio.run(edit(errand)))
