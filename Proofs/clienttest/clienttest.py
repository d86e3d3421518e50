"""clienttest FLUXQD [--only NAME] [--transport NAME]: runs the real clients against a real fluxqd, and counts.

The referee knows three things that no client can make up: the requests that reached fluxqd, from a relay; the calls
that were billed, from the stand-in's ledger; and the pictures that arrived, decoded.
"""
import argparse
import concurrent.futures
import os
import sys
import tempfile
import time

import pictures
from client import Client, ClientEnded
from daemon import REFEREE_MODEL, RELAYED_ADDRESS, Daemon
from report import Table
from roster import ROSTER

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEFAULT_MODEL = "black-forest-labs/flux-kontext-max"
TRANSPORTS = ("socket", "loopback")

COMMON = """\
sandbox: {latency_seconds: 0.2}
workers: {concurrency: 16, max_attempts: 1}
inputs: {max_bytes: 2 MiB}
"""
BUDGET = "limits: {images_per_day: 1}\n"


def model_of(entry, transport, scenario=None):
    """Each client has a model of its own, so that its failures hold nobody else's lane."""
    name = "-".join([entry.name, transport, *([scenario.again or scenario.name] if scenario else [])])
    return f"test/{slug(name)}"


def slug(text):
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def configuration(entries, transports):
    models = [DEFAULT_MODEL, REFEREE_MODEL]
    for entry in entries:
        for transport in transports:
            models.append(model_of(entry, transport))
            models += [model_of(entry, transport, s) for s in entry.scenarios if s.own_lane and not s.again]
    lines = [COMMON, "models:", *(f"  {model}: {{requires_image: false}}" for model in models)]
    lines.append(f"door: {{models: {{'gpt-image-*': {DEFAULT_MODEL}}}}}")
    return "\n".join(lines) + "\n"


class Run:
    """One client on one transport, scenario after scenario."""

    def __init__(self, arguments, entry, transport, daemons, files, table):
        self._arguments, self._entry, self._transport = arguments, entry, transport
        self._daemons, self._files, self._table = daemons, files, table

    def carry_out(self):
        entry = self._entry
        environments = self._arguments.environments
        python = f"{environments}/{entry.environment}/bin/python" if entry.environment else sys.executable
        try:
            client = Client(python, entry.program)
        except (ClientEnded, OSError) as error:
            self._table.fail(entry, self._transport, error)
            return
        try:
            for scenario in entry.scenarios:
                if self._arguments.scenario and self._arguments.scenario not in (scenario.name, scenario.daemon):
                    continue
                if scenario.daemon == "crash":
                    self._play_crash(client, scenario)
                else:
                    self._play(client, scenario, self._daemons[scenario.daemon])
        except ClientEnded as error:
            self._table.fail(entry, self._transport, error)
        finally:
            client.close()

    def _play_crash(self, client, scenario):
        daemon = Daemon(self._arguments.fluxqd, self._daemons["configuration"])
        try:
            daemon.start(scenario.crash_point)
            self._play(client, scenario, daemon)
        finally:
            fault = daemon.stop()
        if fault:
            self._table.faults.append(f"{self._entry.name}, {self._transport}, {scenario.name}: {fault}")

    def _play(self, client, scenario, daemon):
        entry = self._entry
        ticket = "ticket-" + slug(f"{entry.name} {self._transport} {scenario.again or scenario.name}")
        if scenario.cut:
            daemon.relay.cut_once(ticket, scenario.cut)
        before = daemon.relay.posts(ticket), billed(daemon, ticket)
        got, error = client.carry_out(self._errand(scenario, daemon, ticket))
        faults = []
        if scenario.crash_point and not daemon.has_restarted():
            faults.append(f"fluxqd did not pass {scenario.crash_point}")
        seen = (
            daemon.relay.posts(ticket) - before[0], billed(daemon, ticket) - before[1],
            sum(map(pictures.is_whole, got)))
        faults += self._faults(scenario, seen, error)
        if not scenario.crash_point:
            self._table.bills[daemon, ticket] = before[1] + seen[1]
        self._table.add(entry, client.version, self._transport, scenario, seen, faults)

    def _errand(self, scenario, daemon, ticket):
        entry, files = self._entry, self._files
        lane = scenario if scenario.own_lane else None
        headers = {name: value.format(client=slug(f"{entry.name} {self._transport}"))
                   for name, value in scenario.headers.items()}
        if self._transport == "socket":
            place = {"base_url": "http://fluxq/v1", "socket": daemon.socket}
        else:
            place = {"base_url": f"http://{RELAYED_ADDRESS}:{daemon.port}/v1", "socket": None}
        return {
            **place, "verb": scenario.verb, "prompt": f"Make it rain {ticket} {scenario.words}".strip()
            if scenario.words else "", "model": scenario.model or entry.model or model_of(entry, self._transport, lane),
            "image": files[scenario.image] if scenario.image else None,
            "mask": files["photograph"] if scenario.mask else None, "fields": scenario.fields, "headers": headers,
            "timeout": scenario.timeout, "stream": scenario.stream}

    def _faults(self, scenario, seen, error):
        requests, calls, received = seen
        fewest, most = scenario.requests
        if scenario.words and not fewest <= requests <= most:
            yield f"{requests} requests were sent, not {fewest}" + (f" to {most}" if most > fewest else "")
        if calls != scenario.billed:
            yield f"{calls} calls were billed, not {scenario.billed}"
        if received != scenario.pictures:
            yield f"{received} whole pictures came, not {scenario.pictures}"
        wanted = scenario.failure
        if wanted is None:
            if error is not None:
                yield f"{error['class']} was raised: {error['message']}"
            return
        if error is None:
            yield f"no error was raised, not even {' or '.join(wanted.classes)}"
            return
        classes = self._entry.classes or wanted.classes
        if error["class"] not in classes:
            yield f"{error['class']} was raised, not {' or '.join(classes)}: {error['message']}"
        for field in ("status", "code", "param"):
            value = getattr(wanted, field)
            if value is not None and error[field] != value:
                yield f"the error's {field} is {error[field]}, not {value}: {error['message']}"
        if wanted.status and error["fields"] and error["fields"] != ["code", "message", "param", "type"]:
            yield f"the error has the fields {error['fields']}"


def billed(daemon, ticket):
    return sum(entry["billed"] for entry in daemon.ledger(ticket))


def files_in(directory):
    """The pictures that are sent, by the names of the scenarios."""
    def write(name, content):
        with open(f"{directory}/{name}", "wb") as file:
            file.write(content)
        return f"{directory}/{name}"

    photograph = f"{ROOT}/Samples/photograph.jpg"
    return {
        "photograph": photograph, "two": [photograph, write("second.png", pictures.noise(16, 16))],
        "text": write("text.jpg", b"This is no picture."), "large": write("large.png", pictures.noise(800, 700)),
        "too large": write("too-large.png", pictures.noise(1100, 1000))}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("fluxqd")
    parser.add_argument("--environments", default=f"{ROOT}/.build/clients")
    parser.add_argument("--only", help="a client")
    parser.add_argument("--transport", choices=TRANSPORTS)
    parser.add_argument("--scenario")
    parser.add_argument("--at-once", type=int, default=4, help="how many clients run at the same time")
    arguments = parser.parse_args()
    begun = time.monotonic()
    entries = [entry for entry in ROSTER if arguments.only in (None, entry.name)]
    transports = [name for name in TRANSPORTS if arguments.transport in (None, name)]
    table = Table()
    common = configuration(entries, transports)
    daemons = {name: Daemon(arguments.fluxqd, common + more)
               for name, more in (("common", ""), ("budget", BUDGET), ("held", ""))}
    started = []
    with tempfile.TemporaryDirectory() as directory:
        files = files_in(directory)
        try:
            for daemon in daemons.values():
                started.append(daemon)
                daemon.start()
            daemons["budget"].spend_an_image()
            daemons["held"].ask("POST", "/v1/queue/pause")
            daemons["configuration"] = common
            with concurrent.futures.ThreadPoolExecutor(arguments.at_once) as pool:
                runs = [pool.submit(Run(arguments, entry, transport, daemons, files, table).carry_out)
                        for entry in entries for transport in transports]
                for run in concurrent.futures.as_completed(runs):
                    run.result()
            for (daemon, ticket), count in table.bills.items():
                if billed(daemon, ticket) != count:
                    table.faults.append(f"{ticket} was billed again after its answer")
        finally:
            table.faults += [fault for fault in [daemon.stop() for daemon in started] if fault]
    print(table.text([entry.name for entry in ROSTER]))
    for fault in table.faults:
        print(f"wrong: {fault}")
    print(f"{len(table.rows)} scenarios, {len(table.faults)} faults, {time.monotonic() - begun:.0f} s")
    sys.exit(1 if table.faults or not table.rows else 0)


main()
