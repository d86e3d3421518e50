"""A real fluxqd that calls the stand-in, with a relay in front of each of its doors."""
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time

from relay import PATIENCE, Relay

# fluxqd listens on a loopback address of its own, so that the relay can have the same port: clients name the port in
# `Host`, and fluxqd compares it.
OWN_ADDRESS, RELAYED_ADDRESS = "127.0.0.2", "127.0.0.1"

# For the referee's own job: the stand-in makes pictures of this model without one to edit.
REFEREE_MODEL = "test/referee"


class Daemon:
    """One fluxqd with a directory of its own. `configuration` are lines of YAML."""

    def __init__(self, program, configuration):
        self._program = program
        self._directory = tempfile.TemporaryDirectory(prefix="clienttest-")
        self.path = self._directory.name
        self.relay = Relay()
        self.log = f"{self.path}/log"
        self._inner = f"{self.path}/control.sock"
        self.socket = f"{self.path}/relay.sock"
        self._process = None
        self._restart = None

        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.socket)
        self.relay.listen(listener, self._inner)
        listener, self.port = free_port()
        self.relay.listen(listener, (OWN_ADDRESS, self.port))
        configuration += f"\nlisten: {{http: '{OWN_ADDRESS}:{self.port}'}}"
        with open(f"{self.path}/fluxqd.yaml", "w", encoding="utf-8") as file:
            file.write(configuration + "\n")

    def start(self, crash_point=None):
        """Returns when fluxqd answers. If it is to end at a crash point, it is started again as soon as it has."""
        self._launch(crash_point)
        self._wait()
        if crash_point:
            self._restart = threading.Thread(target=self._launch_again, daemon=True)
            self._restart.start()

    def _launch(self, crash_point):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FLUXQ_")}
        if crash_point:
            environment["FLUXQ_CRASH_POINT"] = f"{crash_point}:1"
        with open(self.log, "a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [self._program, "--sandbox", "--config", f"{self.path}/fluxqd.yaml", "--state-directory",
                 f"{self.path}/state", "--socket", self._inner],
                env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)

    def _wait(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if self.ask("GET", "/v1/queue")[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass  # It does not listen yet.
            if self._process.poll() is not None:
                raise SystemExit(f"fluxqd ended with status {self._process.returncode}:\n{self.tail()}")
            time.sleep(0.05)
        raise SystemExit(f"fluxqd does not answer:\n{self.tail()}")

    def _launch_again(self):
        if self._process.wait() == -signal.SIGKILL:
            self._launch(None)

    def has_restarted(self):
        """Waits until fluxqd has ended at its crash point and answers again. False if it does not end there."""
        self._restart.join(PATIENCE / 4)
        if self._restart.is_alive():
            return False
        self._wait()
        return True

    def spend_an_image(self):
        """Uses up one image of the day's limit."""
        status, body = self.ask("POST", "/v1/jobs", {"request": {"prompt": "Make it rain", "model": REFEREE_MODEL}})
        if status == 201:
            status, body = self.ask("GET", f"/v1/jobs/{json.loads(body)['id']}?wait=60")
        if status != 200 or json.loads(body)["state"] != "done":
            raise SystemExit(f"the first image was not made: {body.decode()}")

    def ask(self, method, target, document=None):
        """A request of the referee's own, past the relay. Returns the status and the body."""
        connection = http.client.HTTPConnection("fluxq", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(self._inner)
            body = None if document is None else json.dumps(document)
            connection.request(method, target, body, {"Content-Type": "application/json"} if body else {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def ledger(self, ticket):
        """What the stand-in has recorded for prompts with that ticket."""
        try:
            with open(f"{self.path}/state/sandbox/ledger.jsonl", encoding="utf-8") as file:
                lines = file.read().split("\n")
        except FileNotFoundError:
            return []
        # After the last newline there is nothing, or a line that is being written.
        entries = [json.loads(line) for line in lines[:-1]]
        # A ticket may be the beginning of another one.
        return [entry for entry in entries if ticket in (entry.get("prompt") or "").split()]

    def tail(self):
        with open(self.log, encoding="utf-8") as file:
            return "".join(file.readlines()[-20:])

    def stop(self):
        """Returns what was wrong with the stop; None if nothing was."""
        self.relay.close()
        self._process.terminate()
        try:
            status = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        with open(self.log, encoding="utf-8") as file:
            failures = [line.strip() for line in file if "A request failed." in line]
        self._directory.cleanup()
        if status != 0:
            return f"fluxqd ended with status {status}"
        return f"fluxqd has logged: {failures[0]}" if failures else None


def free_port():
    """A listener on a port that is free on fluxqd's address as well."""
    while True:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((RELAYED_ADDRESS, 0))
        port = listener.getsockname()[1]
        with socket.socket() as probe:
            try:
                probe.bind((OWN_ADDRESS, port))
                return listener, port
            except OSError:
                listener.close()
