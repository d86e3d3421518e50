"""requests, in the loop that people write around it: the same request again after a time-out or a lost connection, and
never after an answer. The Unix socket is reached through requests-unixsocket2."""
from urllib.parse import quote

import requests
import requests_unixsocket

from errand import pictures_of, serve


def address(errand, url):
    """On a Unix socket the host of the URL is the socket's path."""
    return url.replace("http://fluxq/", f"http+unix://{quote(errand.socket, safe='')}/") if errand.socket else url


def carry_out(errand):
    session = requests_unixsocket.Session() if errand.socket else requests.Session()
    session.headers["Authorization"] = "Bearer fluxq"
    # requests would name the socket's path as the host, and links in answers would lead there.
    host = {"Host": "fluxq"} if errand.socket else {}
    for attempt in range(3):
        try:
            with open(errand.image, "rb") as picture:
                response = session.post(
                    address(errand, f"{errand.base_url}/images/edits"), files={"image": picture},
                    data={"prompt": errand.prompt, "model": errand.model, **errand.fields},
                    headers={**host, **errand.headers}, timeout=errand.timeout)
            break
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            if attempt == 2:
                raise
    response.raise_for_status()

    def fetch(url):
        response = session.get(address(errand, url), headers=host, timeout=30)
        response.raise_for_status()
        return response.content

    return pictures_of(response.json(), fetch)


serve(requests.__version__, carry_out)
