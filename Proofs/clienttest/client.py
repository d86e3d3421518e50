"""A client program in a virtual environment of its own, which carries out errands one after the other."""
import base64
import json
import os
import queue
import subprocess
import tempfile
import threading

FOLDER = os.path.dirname(os.path.abspath(__file__))
# Longer than any errand takes on a busy host.
PATIENCE = 150


class Client:
    """`arguments` are the program's name in `clients/`, and what it is given."""

    def __init__(self, python, arguments):
        program, *rest = arguments
        self._errors = tempfile.TemporaryFile(mode="w+", encoding="utf-8")
        environment = {
            name: value for name, value in os.environ.items()
            if not name.startswith(("OPENAI_", "FLUXQ_")) and not name.lower().endswith("_proxy")}
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        self._process = subprocess.Popen(
            [python, f"{FOLDER}/clients/{program}", *rest], env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self._errors, text=True, encoding="utf-8")
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.version = self._next()["version"]

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _next(self):
        try:
            line = self._lines.get(timeout=PATIENCE)
        except queue.Empty:
            line = None
        if line is None:
            self._process.kill()
            self._errors.seek(0)
            raise ClientEnded("".join(self._errors.readlines()[-15:]) or "the client program did not answer")
        return json.loads(line)

    def carry_out(self, errand):
        """Returns the pictures' bytes and the error, which is None if there was none."""
        self._process.stdin.write(json.dumps(errand) + "\n")
        self._process.stdin.flush()
        outcome = self._next()
        return [base64.b64decode(picture) for picture in outcome["pictures"]], outcome["error"]

    def close(self):
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()


class ClientEnded(Exception):
    pass
