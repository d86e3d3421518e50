"""The clients, each with its environment, its program and its scenarios."""
import dataclasses

import scenarios as s


@dataclasses.dataclass(frozen=True)
class Entry:
    """`environment` is the name of a file in `requirements/`, or None for the system's Python. `classes` are the
    library's own exceptions for an error status; None if they are those of openai-python."""

    name: str
    environment: str | None
    program: tuple[str, ...]
    scenarios: tuple[s.Scenario, ...]
    classes: tuple[str, ...] | None = None
    model: str | None = None


OPENAI = [*s.EDITS, *s.TROUBLE, s.MODELS, s.ALIAS, s.FOUR, *s.KEYS, *s.ERRORS]
REFUSED = ("Refused",)


def generated(*scenarios):
    return [dataclasses.replace(scenario, verb="generate", image=None) for scenario in scenarios]


ROSTER = [
    Entry("openai-1", "openai1", ("openai_sdk.py",), (*OPENAI,)),
    Entry("openai-2", "openai2", ("openai_sdk.py",), (*OPENAI, *s.STREAM, s.KILLS_BEFORE[1], *s.KILLS_AFTER)),
    Entry("openai-3", "openai3", ("openai_sdk.py",), (*OPENAI, *s.STREAM, s.KILLS_BEFORE[1])),
    Entry("langchain", "langchain", ("langchain_dalle.py",), (*generated(s.DEFAULT, *s.TROUBLE),)),
    Entry("litellm", "litellm", ("litellm_router.py",), (*s.EDITS, *s.TROUBLE, s.BUDGET_RETRIED)),
    Entry("requests", "requests", ("requests_form.py",), (*s.EDITS, *s.TROUBLE, s.KILLS_BEFORE[1]), ("HTTPError",)),
    Entry("httpx", "httpx", ("httpx_form.py",), (*s.EDITS, *s.TROUBLE, s.KILLS_BEFORE[1]), ("HTTPStatusError",)),
    Entry("curl", None, ("curl_form.py",), (*s.EDITS, *s.TROUBLE, s.ASYNC, s.JSON_EDIT, s.CONTINUE), REFUSED),
    Entry("invokeai", "requests", ("invokeai.py",), (s.BASE64, *s.TROUBLE), ("HTTPError",)),
    Entry("open-webui", "aiohttp", ("open_webui.py",), (s.BASE64, *s.TROUBLE), REFUSED),
    Entry("openai-node", None, ("replay.py", "openai-node"), (*s.EDITS, *s.TROUBLE), REFUSED),
    Entry("openai-node, streamed", None, ("replay.py", "openai-node-stream"), (s.DEFAULT, *s.TROUBLE), REFUSED),
    Entry("n8n", None, ("replay.py", "n8n"), (s.DEFAULT, *s.TROUBLE), REFUSED, "gpt-image-1"),
    Entry("ai-sdk", None, ("replay.py", "ai-sdk"),
          (s.DEFAULT, s.SLOW_CALL, s.RESET, s.UNREAD, s.CUT, s.BUDGET_RETRIED, s.KILLS_BEFORE[0]), REFUSED),
]
