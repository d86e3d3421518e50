"""httpx, in the loop that people write around it: the same request again after a time-out or a lost connection, and
never after an answer."""
import httpx

from errand import pictures_of, serve


def carry_out(errand):
    transport = httpx.HTTPTransport(uds=errand.socket) if errand.socket else None
    with httpx.Client(
        transport=transport, timeout=errand.timeout or 30, headers={"Authorization": "Bearer fluxq"}
    ) as client:
        for attempt in range(3):
            try:
                with open(errand.image, "rb") as picture:
                    response = client.post(
                        f"{errand.base_url}/images/edits", files={"image": picture},
                        data={"prompt": errand.prompt, "model": errand.model, **errand.fields}, headers=errand.headers)
                break
            except httpx.TransportError:
                if attempt == 2:
                    raise
        response.raise_for_status()
        return pictures_of(response.json(), lambda url: client.get(url).raise_for_status().content)


serve(httpx.__version__, carry_out)
