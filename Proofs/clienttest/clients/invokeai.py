"""InvokeAI's provider "openai", whose call this is: requests, base64 always, links never read, one try. The user's
second click is the same request again."""
import base64
from urllib.parse import quote

import requests
import requests_unixsocket

from errand import serve


def carry_out(errand):
    base = f"http+unix://{quote(errand.socket, safe='')}" if errand.socket else errand.base_url.removesuffix("/v1")
    session = requests_unixsocket.Session() if errand.socket else requests
    for click in range(3):
        try:
            with open(errand.image, "rb") as picture:
                response = session.post(
                    f"{base}/v1/images/edits", headers={"Authorization": "Bearer fluxq"},
                    data={"prompt": errand.prompt, "n": 1, "size": "1024x1024", "model": errand.model,
                          "response_format": "b64_json"},
                    files=[("image", ("image_0.png", picture, "image/png"))], timeout=errand.timeout or 120)
            break
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            if click == 2:
                raise
    response.raise_for_status()
    return [base64.b64decode(item["b64_json"], validate=True) for item in response.json()["data"]]


serve(f"its call (requests {requests.__version__})", carry_out)
