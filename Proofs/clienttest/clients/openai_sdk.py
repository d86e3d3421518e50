"""openai-python 1, 2 and 3, as its documentation uses it. Version 3 runs on httpx2, the others on httpx."""
import base64

import openai

from errand import serve

if openai.__version__.split(".")[0] >= "3":
    import httpx2 as http
    from openai import DefaultHttpx2Client as DefaultClient
else:
    import httpx as http
    from openai import DefaultHttpxClient as DefaultClient


def client_for(errand):
    options = {"base_url": errand.base_url, "api_key": "fluxq"}
    if errand.socket:
        options["http_client"] = DefaultClient(transport=http.HTTPTransport(uds=errand.socket))
    if errand.timeout:
        options["timeout"] = errand.timeout
    return openai.OpenAI(**options)


def carry_out(errand):
    with client_for(errand) as client:
        if errand.verb == "models":
            names = [model.id for model in client.models.list()]
            # A model of that name exists, and an id with a slash in it can be asked for.
            client.models.retrieve(errand.model)
            if errand.model not in names:
                raise LookupError(f"{errand.model} is not listed")
            return []
        if errand.verb == "variation":
            client.post("/images/variations", cast_to=object, body={"image": "a", "prompt": errand.prompt})
            return []
        options = {"prompt": errand.prompt, "model": errand.model, "extra_headers": errand.headers, **errand.fields}
        if errand.stream:
            options["stream"] = True
        if errand.verb == "generate":
            answer = client.images.generate(**options)
        else:
            files = {"image": [open(path, "rb") for path in errand.image] if isinstance(errand.image, list)
                     else open(errand.image, "rb")}
            if errand.mask:
                files["mask"] = open(errand.mask, "rb")
            answer = client.images.edit(**files, **options)
        if errand.stream:
            return [base64.b64decode(event.b64_json) for event in answer if event.type.endswith(".completed")]
        fetched = errand.fields.get("response_format") != "b64_json"
        return [
            load(errand, item.url) if fetched and item.url else base64.b64decode(item.b64_json, validate=True)
            for item in answer.data]


def load(errand, url):
    transport = http.HTTPTransport(uds=errand.socket) if errand.socket else None
    with http.Client(transport=transport, timeout=30) as client:
        return client.get(url).raise_for_status().content


serve(openai.__version__, carry_out)
