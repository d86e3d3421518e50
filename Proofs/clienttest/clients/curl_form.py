"""curl with --retry, which repeats a POST as well."""
import base64
import json
import subprocess
import tempfile
import time

from errand import Refused, pictures_of, serve

VERSION = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]


class CurlError(Exception):
    pass


def run(errand, *arguments):
    """Returns the status and the body."""
    with tempfile.NamedTemporaryFile() as body:
        common = ["curl", "--silent", "--show-error", "--output", body.name, "--write-out", "%{http_code}"]
        if errand.socket:
            common += ["--unix-socket", errand.socket]
        done = subprocess.run([*common, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise CurlError(done.stderr.strip() or f"exit {done.returncode}")
        return int(done.stdout[-3:]), body.read()


def fetch(errand, url):
    status, body = run(errand, url)
    if status != 200:
        raise Refused(status, body)
    return body


def carry_out(errand):
    fields = {"prompt": errand.prompt, "model": errand.model, **errand.fields}
    arguments = ["-H", "Authorization: Bearer fluxq"]
    if errand.verb == "json":
        with open(errand.image, "rb") as picture:
            link = f"data:image/jpeg;base64,{base64.b64encode(picture.read()).decode()}"
        document = tempfile.NamedTemporaryFile("w")
        json.dump({"images": [{"image_url": link}], **fields}, document)
        document.flush()
        arguments += ["--json", f"@{document.name}"]
    else:
        arguments += ["-F", f"image=@{errand.image}"]
        for name, value in fields.items():
            arguments += ["--form-string", f"{name}={value}"]
    for name, value in errand.headers.items():
        arguments += ["-H", f"{name}: {value}"]
    # A limit keeps a Retry-After of hours from being waited for.
    arguments += ["--retry", "2", "--retry-all-errors", "--retry-delay", "1", "--retry-max-time", "60"] \
        if errand.timeout else []
    arguments += ["--max-time", str(errand.timeout)] if errand.timeout else []
    status, body = run(errand, *arguments, f"{errand.base_url}/images/edits")
    if status == 202:
        number = json.loads(body)["id"]
        for _ in range(600):
            status, body = run(
                errand, "-H", "Authorization: Bearer fluxq", f"{errand.base_url}/images/generations/{number}")
            if status != 202:
                break
            time.sleep(0.2)
    if status != 200:
        raise Refused(status, body)
    return pictures_of(json.loads(body), lambda url: fetch(errand, url))


serve(VERSION, carry_out)
