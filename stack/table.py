"""The stack's processes: what each is, what it needs first, and what it is told."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from guardian.adapters.embedded.files import find_catalogue
from stack import emulators
from stack.day import SETTINGS_FILE
from stack.inbox import SECRET_VARIABLE
from stack.part import Part
from stack.ports import LOOPBACK, free_ports
from stack.runner import ROOT
from stack.topology import (
    ALERT_NARRATOR,
    BRIDGE,
    CONSUMED,
    CORRELATOR,
    EVENT_CHECKS,
    NOTIFIER,
    QR_VERIFICATION,
    subscriptions,
)

NOTIFY_FILE: Final = ROOT / "stack" / "notify.toml"
ALERTS_SUBSCRIPTION: Final = next(one.name for one in subscriptions("-") if one.part == BRIDGE)

KAFKA: Final = "kafka"
KAFKA_CONTROLLER: Final = "kafka-controller"
"""Not a part, but a port of one."""
PUBSUB: Final = "pubsub"
FIRESTORE: Final = "firestore"
TOPICS: Final = "topics"
INBOX: Final = "inbox"
SCHEDULER: Final = "scheduler"
PRODUCER: Final = "producer"
WATCH: Final = "watch"

_TARGET = re.compile(r"^@functions_framework\.cloud_event\ndef (\w+)\(", re.MULTILINE)

_GEMINI = ("GUARDIAN_GEMINI_API_KEY", "GUARDIAN_GEMINI_API_KEY_FILE")
_NOTIFY_SETTINGS = "GUARDIAN_NOTIFY_SETTINGS"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a stack is to be.

    day: folder of the recording it is for, with the catalogue and keys of the site. settings: of the site,
    instead of those made for the day with `lateness_s`. play: arguments of `stack.produce` for the producer,
    after the folder. correlators: how many, behind one address. tick_s: between two messages on `ticks`.
    ports: those of parts by name; the others get free ones. environment: variables of parts by name, on top
    of the table's. without: parts that are left out.
    """

    day: Path | None = None
    settings: Path | None = None
    lateness_s: float = 5.0
    play: tuple[str, ...] = ()
    correlators: int = 1
    tick_s: float = 60.0
    project: str = "guardian-stack"
    ports: dict[str, int] = {}
    environment: dict[str, dict[str, str]] = {}
    without: frozenset[str] = frozenset()


class Table(msgspec.Struct, frozen=True):
    """parts: the processes. left_out: why others are not among them. environment: what clients need to reach
    the stack from outside."""

    parts: list[Part]
    left_out: dict[str, str]
    environment: dict[str, str]


def table(options: Options, folder: Path, caller: Mapping[str, str]) -> Table:
    """The processes of a stack in `folder`. caller: environment of whoever starts it, where keys may lie.

    Raises ValueError for options that name parts which do not exist.
    """
    return _Tables(options, folder, caller).table()


class _Tables:
    def __init__(self, options: Options, folder: Path, caller: Mapping[str, str]) -> None:
        self._options = options
        self._folder = folder
        self._caller = caller
        self._ports = dict(options.ports)
        self._left_out: dict[str, str] = {}
        self._clients = {
            "GOOGLE_CLOUD_PROJECT": options.project,
            emulators.PUBSUB_HOST: self._at(PUBSUB),
            emulators.FIRESTORE_HOST: self._at(FIRESTORE),
            "GUARDIAN_KAFKA_BOOTSTRAP": self._at(KAFKA),
        }
        self._decides = {
            "GUARDIAN_STORE": "firestore",
            "GUARDIAN_SETTINGS": str(options.settings or folder / SETTINGS_FILE),
            "GUARDIAN_OIDC": "off",  # the emulator sends no tokens
        }
        if options.day is not None and (catalogue := find_catalogue([options.day])) is not None:
            self._decides["GUARDIAN_CATALOG"] = str(catalogue.resolve())

    def table(self) -> Table:
        parts = [
            self._kafka(),
            emulators.pubsub(self._folder / PUBSUB, self._port(PUBSUB), self._options.project),
            emulators.firestore(self._folder / FIRESTORE, self._port(FIRESTORE)),
            *self._correlators(),
            *self._function(QR_VERIFICATION, "product codes", self._decides),
            *self._function(EVENT_CHECKS, "what a single event tells", self._decides),
            *self._narrator(),
            *self._notifier(),
            self._bridge(),
            self._scheduler(),
            *self._producer(),
            self._watch(),
        ]
        parts.append(self._topics(parts))
        named = {*self._options.without, *self._options.ports, *self._options.environment}
        if unknown := named - {part.name for part in parts} - self._left_out.keys() - {KAFKA_CONTROLLER}:
            raise ValueError(f"no part is called {', '.join(sorted(unknown))}")
        wanted = [self._adjusted(part) for part in parts if part.name not in self._options.without]
        return Table(wanted, self._left_out, self._clients)

    def _kafka(self) -> Part:
        port, controller_port = self._port(KAFKA), self._port(KAFKA_CONTROLLER)
        return Part(
            name=KAFKA,
            about="broker of one node; the producers' streams",
            command=_module("stack.kafka.broker", str(self._folder / KAFKA), str(port), str(controller_port)),
            port=port,
            health=f"kafka://{LOOPBACK}:{port}",
            stop_s=30.0,
            start_s=600.0,  # the first time it is fetched
        )

    def _topics(self, parts: list[Part]) -> Part:
        endpoints = [
            f"--push={part.name}=http://{LOOPBACK}:{part.port}"
            for part in parts
            if part.name in CONSUMED and part.name not in self._options.without
        ]
        return Part(
            name=TOPICS,
            about="creates topics and subscriptions, and ends",
            command=_module(
                "stack.create_topics",
                f"--kafka={self._at(KAFKA)}",
                f"--project={self._options.project}",
                *endpoints,
            ),
            environment=self._clients,
            after=(KAFKA, PUBSUB),
            job=True,
        )

    def _bridge(self) -> Part:
        port = self._port(BRIDGE)
        return Part(
            name=BRIDGE,
            about="Kafka topics to Pub/Sub, and alerts back",
            command=_module("cloud_run.bridge.main"),
            environment=self._clients
            | {
                "PORT": str(port),
                "GUARDIAN_HOST": LOOPBACK,
                "GUARDIAN_ALERTS_SUBSCRIPTION": ALERTS_SUBSCRIPTION,
            },
            after=(TOPICS,),
            port=port,
            health=f"http://{LOOPBACK}:{port}/healthz",
        )

    def _correlators(self) -> list[Part]:
        number = self._options.correlators
        if number == 1:
            return [self._correlator(CORRELATOR)]
        several = [self._correlator(f"{CORRELATOR}-{index}") for index in range(1, number + 1)]
        port = self._port(CORRELATOR)
        balancer = Part(
            name=CORRELATOR,
            about=f"one address for {number} correlators",
            command=_module("stack.balancer", str(port), *(f"{LOOPBACK}:{one.port}" for one in several)),
            after=tuple(one.name for one in several),
            port=port,
            health=f"http://{LOOPBACK}:{port}/readyz",
        )
        return [*several, balancer]

    def _correlator(self, name: str) -> Part:
        port = self._port(name)
        return Part(
            name=name,
            about="joins the streams",
            command=_module("cloud_run.correlator.main"),
            environment=self._clients
            | self._decides
            | {
                "GUARDIAN_PART": CORRELATOR,
                "GUARDIAN_WORKER": name,
                "GUARDIAN_HOST": LOOPBACK,
                "PORT": str(port),
            },
            after=(FIRESTORE,),
            port=port,
            health=f"http://{LOOPBACK}:{port}/readyz",
        )

    def _function(self, name: str, about: str, environment: Mapping[str, str]) -> list[Part]:
        """The function as its platform would run it; nothing if there is a reason to leave it out."""
        if name in self._left_out:
            return []
        source = ROOT / "functions" / name / "main.py"
        port = self._port(name)
        return [
            Part(
                name=name,
                about=about,
                command=_module(
                    "functions_framework",
                    f"--target={_target(source)}",
                    f"--source={source}",
                    f"--host={LOOPBACK}",
                    f"--port={port}",
                ),
                environment=self._clients | dict(environment),
                after=(FIRESTORE,),
                port=port,
                health=f"http://{LOOPBACK}:{port}/",
            )
        ]

    def _narrator(self) -> list[Part]:
        gemini = {name: value for name, value in self._caller.items() if name.startswith("GUARDIAN_GEMINI_")}
        given = gemini | self._options.environment.get(ALERT_NARRATOR, {})
        if not any(given.get(name) for name in _GEMINI):
            self._left_out.setdefault(
                ALERT_NARRATOR, f"no {_GEMINI[0]}; alerts keep their template narrative"
            )
        return self._function(ALERT_NARRATOR, "tells alerts in words, by Gemini", gemini)

    def _notifier(self) -> list[Part]:
        """With the caller's settings, else with an inbox of the stack's own."""
        about = "tells people"
        if settings := self._caller.get(_NOTIFY_SETTINGS):
            self._left_out[INBOX] = f"notices go where {_NOTIFY_SETTINGS} says"
            return self._function(NOTIFIER, about, {_NOTIFY_SETTINGS: settings})
        port = self._port(INBOX)
        secret = {SECRET_VARIABLE: "made-up-for-the-stack"}
        inbox = Part(
            name=INBOX,
            about="takes the notices, and prints them into its log",
            command=_module("stack.inbox", str(port)),
            environment=secret,
            port=port,
            health=f"http://{LOOPBACK}:{port}/",
        )
        environment = secret | {
            _NOTIFY_SETTINGS: str(NOTIFY_FILE),
            "GUARDIAN_INBOX_URL": f"http://{LOOPBACK}:{port}/",
        }
        return [inbox, *self._function(NOTIFIER, about, environment)]

    def _scheduler(self) -> Part:
        return Part(
            name=SCHEDULER,
            about=f"a message on `ticks` every {self._options.tick_s:g} s",
            command=_module("stack.scheduler", str(self._options.tick_s)),
            environment=self._clients,
            after=(TOPICS,),
        )

    def _producer(self) -> list[Part]:
        if self._options.day is None:
            self._left_out.setdefault(PRODUCER, "no recording to play")
            return []
        day = str(self._options.day.resolve())
        return [
            Part(
                name=PRODUCER,
                about="plays the day into Kafka",
                command=_module("stack.produce", day, f"--kafka={self._at(KAFKA)}", *self._options.play),
                after=(TOPICS,),
                job=True,
                by_hand=True,
            )
        ]

    def _watch(self) -> Part:
        return Part(
            name=WATCH,
            about="prints alerts as they reach Firestore",
            command=_module("stack.watch"),
            environment=self._clients,
            after=(FIRESTORE,),
            by_hand=True,
            on_screen=True,
        )

    def _adjusted(self, part: Part) -> Part:
        extra = self._options.environment.get(part.name, {})
        environment = {"PYTHONUNBUFFERED": "1"} | part.environment | extra
        return msgspec.structs.replace(part, environment=environment)

    def _at(self, name: str) -> str:
        return f"{LOOPBACK}:{self._port(name)}"

    def _port(self, name: str) -> int:
        if name not in self._ports:
            (self._ports[name],) = free_ports(1)
        return self._ports[name]


def _target(source: Path) -> str:
    """The function in a main.py that takes the messages. Raises ValueError."""
    if (found := _TARGET.search(source.read_text("utf-8"))) is None:
        raise ValueError(f"{source}: no function that takes CloudEvents")
    return found[1]


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)
