"""LangChain's DallEAPIWrapper. It generates only, always sends `size`, and reads the link.

On a Unix socket it gets openai-python's own clients: with `http_client` alone it would give one and the same to its
synchronous and its asynchronous client, and the latter refuses it.
"""
from importlib.metadata import version

import httpx2
import openai
from langchain_community.utilities.dalle_image_generator import DallEAPIWrapper

from errand import serve


def carry_out(errand):
    options = {"model": errand.model, "api_key": "fluxq", "base_url": errand.base_url, "timeout": errand.timeout}
    transport = None
    if errand.socket:
        transport = httpx2.HTTPTransport(uds=errand.socket)
        shared = {"base_url": errand.base_url, "api_key": "fluxq", "timeout": errand.timeout}
        options["client"] = openai.OpenAI(
            http_client=openai.DefaultHttpx2Client(transport=httpx2.HTTPTransport(uds=errand.socket)), **shared).images
        options["async_client"] = openai.AsyncOpenAI(**shared).images
    links = DallEAPIWrapper(**options).run(errand.prompt)
    with httpx2.Client(transport=transport, timeout=30) as client:
        return [client.get(link).raise_for_status().content for link in links.split("\n")]


serve(f"{version('langchain-community')} (openai {openai.__version__})", carry_out)
