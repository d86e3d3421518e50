"""What every client program shares: it reads errands from standard input, one JSON object on a line, carries each out
with its own library, and writes one line for each: the pictures, or the error in the library's own words.

An errand has `base_url`, `socket` (null for loopback), `prompt`, `model`, `image` (a path, or null), `mask`, `fields`
(more fields of the request), `headers`, `timeout` in seconds (null for the library's own), `stream` and `verb`.
"""
import base64
import json
import sys
import types


class Refused(Exception):
    """An answer with an error status, for clients that have no exception of their own for it."""

    def __init__(self, status, body):
        super().__init__(f"status {status}")
        self.status_code = status
        self.body = body


def first_error(body):
    """The `error` object of an answer, however the library hands it on."""
    if isinstance(body, (bytes, str)):
        try:
            body = json.loads(body)
        except ValueError:
            return {}
    if not isinstance(body, dict):
        return {}
    inner = body.get("error", body)
    return inner if isinstance(inner, dict) else {}


def describe(error):
    """An exception as the referee compares it."""
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", None) or getattr(response, "status_code", None)
    body = getattr(error, "body", None)
    if not first_error(body) and response is not None:
        body = getattr(response, "content", None)
    fields = first_error(body)
    return {
        "class": type(error).__name__, "status": status, "code": fields.get("code"), "param": fields.get("param"),
        "type": fields.get("type"), "fields": sorted(fields), "message": str(error)[:500],
    }


def pictures_of(answer, fetch):
    """The pictures' bytes of an answer in the form of the images API; `fetch` loads a URL."""
    data = answer["data"]
    # Both forms may come; a client takes either.
    return [
        fetch(item["url"]) if item.get("url") else base64.b64decode(item["b64_json"], validate=True) for item in data]


def serve(version, carry_out):
    """`carry_out` takes an errand and returns a list of pictures' bytes, or raises."""
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        errand = types.SimpleNamespace(**json.loads(line))
        try:
            outcome = {"pictures": [base64.b64encode(picture).decode() for picture in carry_out(errand)], "error": None}
        except Exception as error:  # Every failure is the client's answer; the referee judges it.
            outcome = {"pictures": [], "error": describe(error)}
        print(json.dumps(outcome), flush=True)
