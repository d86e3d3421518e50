"""replay NAME: clients that run on Node.js, as bytes: openai-node, openai-node-stream, n8n, ai-sdk. Each sends what its
source writes, and repeats what its source repeats."""
import json
import os
import random
import sys

import rawhttp
from errand import Refused, pictures_of, serve


def picture_of(errand):
    with open(errand.image, "rb") as picture:
        return picture.read()


def form(errand, fields, boundary, image_name, filename, media_type):
    """A multipart body: the fields, with the picture in the place of an `image` without a value."""
    pieces = []
    for name, value in fields:
        if name == "image":
            pieces.append(rawhttp.part(boundary, image_name, picture_of(errand), filename, media_type))
        else:
            pieces.append(rawhttp.part(boundary, name, value))
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


def undici_boundary():
    return f"----formdata-undici-0{random.randrange(10**11):011}"


def openai_node(errand, attempt, is_streamed=False):
    """openai-node 7: two retries, counted in a header. A file without a name is `unknown_file`; a streamed one comes in
    chunks."""
    boundary = f"openai-{random.randrange(36**10):x}" if is_streamed else undici_boundary()
    fields = [("image", None), ("prompt", errand.prompt), ("model", errand.model), *errand.fields.items()]
    body = form(
        errand, fields, boundary, "image", os.path.basename(errand.image) if is_streamed else "unknown_file",
        "application/octet-stream")
    headers = {
        "accept": "application/json", "user-agent": "OpenAI/JS 7.5.0", "x-stainless-retry-count": attempt,
        "x-stainless-lang": "js", "x-stainless-package-version": "7.5.0", "x-stainless-os": "Linux",
        "x-stainless-arch": "x64", "x-stainless-runtime": "node", "x-stainless-runtime-version": "v22.11.0",
        "authorization": "Bearer fluxq", "content-type": f"multipart/form-data; boundary={boundary}",
        "accept-language": "*", "sec-fetch-mode": "cors", "accept-encoding": "gzip, deflate", **errand.headers}
    if is_streamed:
        start = rawhttp.head(errand, "/images/edits", {**headers, "transfer-encoding": "chunked"})
        return [start, *rawhttp.chunks(body, 16384)]
    return rawhttp.head(errand, "/images/edits", {**headers, "content-length": len(body)}) + body


def openai_node_repeats(status, headers):
    should = headers.get("x-should-retry")
    return should == "true" or should != "false" and (status in (408, 409, 429) or status >= 500)


def n8n(errand, attempt):
    """n8n's node "Edit an image" with "Retry on fail": axios and form-data."""
    boundary = "-" * 26 + f"{random.randrange(10**24):024}"
    fields = [
        ("image", None), ("prompt", errand.prompt), ("model", errand.model), ("n", "1"), ("size", "1024x1024"),
        ("quality", "auto"), *errand.fields.items()]
    body = form(errand, fields, boundary, "image[]", "photograph.jpg", "image/jpeg")
    headers = {
        "Accept": "application/json,text/html,application/xhtml+xml,application/xml,text/*;q=0.9, image/*;q=0.8, "
        "*/*;q=0.7",
        "content-type": f"multipart/form-data; boundary={boundary}", "Authorization": "Bearer fluxq",
        "User-Agent": "n8n", "Accept-Encoding": "gzip, compress, deflate, br", "Content-Length": len(body),
        **errand.headers}
    return rawhttp.head(errand, "/images/edits", headers) + body


def ai_sdk(errand, attempt):
    """The AI SDK's openai-compatible provider: fetch with a form, and no response_format for edits."""
    boundary = undici_boundary()
    fields = [
        ("model", errand.model), ("prompt", errand.prompt), ("image", None), ("n", "1"), *errand.fields.items()]
    body = form(errand, fields, boundary, "image", "blob", "image/jpeg")
    headers = {
        "authorization": "Bearer fluxq", "user-agent": "ai/6.0.5 ai-sdk/openai-compatible/2.0.0 runtime/node.js/22",
        "content-type": f"multipart/form-data; boundary={boundary}", "accept": "*/*", "accept-language": "*",
        "sec-fetch-mode": "cors", "accept-encoding": "gzip, deflate", "content-length": len(body), **errand.headers}
    return rawhttp.head(errand, "/images/edits", headers) + body


def usual_repeats(status, _headers):
    return status in (408, 409, 429) or status >= 500


def never(_status, _headers):
    return False


CLIENTS = {
    "openai-node": (openai_node, openai_node_repeats),
    "openai-node-stream": (lambda errand, attempt: openai_node(errand, attempt, is_streamed=True), openai_node_repeats),
    "n8n": (n8n, never),
    "ai-sdk": (ai_sdk, usual_repeats),
}


def run(errand, build, repeats):
    for attempt in range(3):
        try:
            status, headers, body = rawhttp.exchange(errand, build(errand, attempt))
            if attempt == 2 or not repeats(status, headers):
                break
        except (OSError, rawhttp.http.client.HTTPException):
            # A time-out, or a connection that ended early. n8n repeats a failed node as well.
            if attempt == 2:
                raise
        rawhttp.pause(0.5 * 2**attempt)
    if status != 200:
        raise Refused(status, body)
    return pictures_of(json.loads(body), lambda url: rawhttp.get(errand, url))


name = sys.argv[1]
serve("its bytes", lambda errand: run(errand, *CLIENTS[name]))
