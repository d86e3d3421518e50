"""What every client has to live through, and what has to come of it."""
import dataclasses

# A small picture, for answers that do not depend on its size, and one that no socket's buffer holds.
SMALL = "sandbox:size=64x64"
LARGE = "sandbox:size=512x512 sandbox:bytes=4000000"

# Seconds. The stand-in takes longer than the client's time-out, and less than its three tries.
IMPATIENT, SLOW = 4, "sandbox:slow=5"


@dataclasses.dataclass(frozen=True)
class Failure:
    """The error that a client has to raise. `classes` are those of openai-python; another library has its own."""

    status: int | None
    classes: tuple[str, ...]
    code: str | None = None
    param: str | None = None


@dataclasses.dataclass(frozen=True)
class Scenario:
    """`requests` are the fewest and the most whole POST requests that may reach fluxqd, which may refuse one before its
    end; `billed` counts the calls that the stand-in billed meanwhile."""

    name: str
    requests: tuple[int, int] = (1, 1)
    billed: int = 1
    pictures: int = 1
    failure: Failure | None = None
    words: str = SMALL
    daemon: str = "common"
    verb: str = "edit"
    image: str = "photograph"
    mask: bool = False
    fields: dict = dataclasses.field(default_factory=dict)
    headers: dict = dataclasses.field(default_factory=dict)
    timeout: float | None = None
    stream: bool = False
    # When the relay cuts the first connection.
    cut: str | None = None
    crash_point: str | None = None
    # The model, where it is not the client's own; the scenario whose prompt is sent again; an own lane for failures.
    model: str | None = None
    again: str | None = None
    own_lane: bool = False


URL = Scenario("url", fields={"response_format": "url"})
BASE64 = Scenario("base64", fields={"response_format": "b64_json"})
DEFAULT = Scenario("default")
SLOW_CALL = Scenario("slow call", requests=(2, 3), timeout=IMPATIENT, words=f"{SMALL} {SLOW}")
RESET = Scenario("reset", requests=(2, 2), cut="request", timeout=60)
UNREAD = Scenario("answer unread", requests=(2, 2), cut="unread", timeout=60)
CUT = Scenario("answer cut", requests=(2, 2), cut="answer", timeout=60, words=LARGE)
BUDGET = Scenario("budget", billed=0, pictures=0, daemon="budget", failure=Failure(429, ("RateLimitError",)))
# By clients that do not know x-should-retry.
BUDGET_RETRIED = dataclasses.replace(BUDGET, name="budget, retried", requests=(1, 3), timeout=60)

# The picture is there, and the client certainly has not all of it; or it may have. A client that does not pause can
# still be accepted by the fluxqd that is ending.
KILLS_BEFORE = [
    Scenario(f"kill {point}", requests=(2, 3), daemon="crash", crash_point=point, words=LARGE, timeout=120)
    for point in ("doorAnswerMade", "doorAnswerBegun")]
KILLS_AFTER = [
    Scenario(f"kill {point}", requests=(1, 2), daemon="crash", crash_point=point, words=LARGE, timeout=120)
    for point in ("doorAnswerSent", "doorAnswerTaken", "doorDeliveryNoted")]

EDITS = [URL, BASE64, DEFAULT]
TROUBLE = [SLOW_CALL, RESET, UNREAD, CUT, BUDGET, KILLS_BEFORE[0]]


def refused(name, status, *classes, code=None, param=None, **changes):
    changes = {"requests": (1, 1), "billed": 0, "pictures": 0, **changes}
    return Scenario(name, failure=Failure(status, classes, code, param), **changes)


# The stand-in counts calls of the same request: without a seed, each has another one.
UNKNOWN = {"words": "sandbox:reset sandbox:times=1", "own_lane": True, "fields": {"extra_body": {"seed": 7}}}

# Each row of the table of errors that can be provoked, with the class of openai-python.
ERRORS = [
    refused("n is 9", 400, "BadRequestError", param="n", fields={"n": 9}),
    refused("n is 0", 400, "BadRequestError", param="n", fields={"n": 0}),
    refused("empty prompt", 400, "BadRequestError", param="prompt", words=""),
    refused("mask", 400, "BadRequestError", param="mask", mask=True),
    refused("two pictures", 400, "BadRequestError", param="image", image="two"),
    refused("no picture", 400, "BadRequestError", param="image", image="text"),
    refused("unknown model", 404, "NotFoundError", code="model_not_found", model="test/nobody-has-it"),
    refused("variation", 404, "NotFoundError", code="unknown_url", verb="variation"),
    refused("too large", 413, "APIStatusError", image="too large", requests=(0, 1)),
    refused("queue held", 503, "InternalServerError", code="queue_paused", daemon="held"),
    refused("rejected", 400, "BadRequestError", words="sandbox:rejected", own_lane=True),
    refused("moderated", 400, "BadRequestError", words="sandbox:moderated", own_lane=True),
    refused("exhausted", 502, "InternalServerError", code="exhausted", words="sandbox:server-error", own_lane=True),
    refused("no image", 424, "APIStatusError", code="no_image", words="sandbox:empty", own_lane=True, billed=1),
    refused("outcome unknown", 424, "APIStatusError", code="outcome_unknown", billed=1, **UNKNOWN),
    refused("unknown, again", 424, "APIStatusError", code="outcome_unknown", again="outcome unknown", **UNKNOWN),
    Scenario("unknown, asked for", again="outcome unknown", headers={"X-Fluxq-Again": "yes"}, **UNKNOWN),
]

# Keys, and what asking twice means.
KEYS = [
    Scenario("key", headers={"Idempotency-Key": "order-{client}"}),
    Scenario("key, again", headers={"Idempotency-Key": "order-{client}"}, again="key", billed=0),
    refused("key, other prompt", 422, "UnprocessableEntityError", code="idempotency_mismatch",
            headers={"Idempotency-Key": "order-{client}"}),
    Scenario("asked twice", again="default"),
]

MODELS = Scenario("models", verb="models", requests=(0, 0), billed=0, pictures=0)
ALIAS = Scenario("alias", model="gpt-image-1")
FOUR = Scenario("n is 4", fields={"n": 4}, pictures=4)
STREAM = [
    Scenario("stream", stream=True),
    refused("stream, moderated", None, "APIError", "BadRequestError", words="sandbox:moderated", stream=True,
            own_lane=True),
]
ASYNC = Scenario("async", headers={"Prefer": "respond-async"})
JSON_EDIT = Scenario("json", verb="json")
CONTINUE = Scenario("100-continue", image="large")
