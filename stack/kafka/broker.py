"""A real Kafka broker of one node, on loopback, for development and tests.

The jars come from Maven once and stay in build/kafka; running needs Java 17 or newer.

    python -m stack.kafka.broker build/kafka/data 9092
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

from stack import maven
from stack.ports import free_ports

ROOT: Final = Path(__file__).parents[2]
POM: Final = Path(__file__).with_name("pom.xml")
HEAP_MB: Final = 256
START_TIMEOUT_S: Final = 90.0
STOP_TIMEOUT_S: Final = 30.0

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.segment.bytes=16777216
"""


class BrokerError(RuntimeError):
    """The broker cannot be started; says why, with the end of what it wrote."""


class Broker:
    """One broker over a folder. What it holds survives `stop`, `kill` and another `start`."""

    def __init__(self, folder: Path, port: int, controller_port: int) -> None:
        """Ports are on 127.0.0.1; the controller's is nobody else's business."""
        self.bootstrap = f"127.0.0.1:{port}"
        self._folder = folder
        self._ports = port, controller_port
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> list[str]:
        """Formats the folder if it is new; the command that runs the broker.

        Raises FetchError, BrokerError.
        """
        path = maven.classpath(POM, ROOT / "build" / "kafka")
        self._folder.mkdir(parents=True, exist_ok=True)
        data, properties = self._folder / "data", self._folder / "server.properties"
        port, controller_port = self._ports
        properties.write_text(_PROPERTIES.format(port=port, controller_port=controller_port, data=data))
        java = ["java", f"-Xmx{HEAP_MB}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path]
        if not (data / "meta.properties").is_file():
            tool = [*java, "kafka.tools.StorageTool"]
            cluster = _run([*tool, "random-uuid"], START_TIMEOUT_S).split()[-1]
            _run([*tool, "format", "--standalone", "-t", cluster, "-c", str(properties)], START_TIMEOUT_S)
        return [*java, "kafka.Kafka", str(properties)]

    def start(self) -> None:
        """Starts, and waits until the broker answers. Raises FetchError, BrokerError."""
        command = self.prepare()
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def create_topics(self, topics: Iterable[NewTopic]) -> None:
        """Creates topics and waits until they are there. Raises KafkaException."""
        create_topics(self.bootstrap, topics)

    def stop(self) -> None:
        """Shuts down in good order; after 30 s by force."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """As a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        admin = _admin(self.bootstrap)
        while True:
            if process.poll() is not None:
                raise BrokerError(f"the broker ended with {process.returncode}: {self._last_words()}")
            try:
                if admin.list_topics(timeout=1.0).brokers:
                    return
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise BrokerError(f"the broker does not answer: {self._last_words()}") from error

    def _last_words(self) -> str:
        return (self._folder / "broker.log").read_text("utf-8", "replace")[-2000:]


def create_topics(bootstrap: str, topics: Iterable[NewTopic]) -> None:
    """Creates those topics that are not there yet, and waits until all are. Raises KafkaException."""
    admin = _admin(bootstrap)  # its futures fail once it is gone
    futures = admin.create_topics(list(topics), operation_timeout=START_TIMEOUT_S)
    for future in futures.values():
        try:
            future.result(START_TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    _wait_for_leaders(admin, list(futures))


def _admin(bootstrap: str) -> AdminClient:
    # While nobody listens yet the client would tell so on standard error.
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def _wait_for_leaders(admin: AdminClient, topics: list[str]) -> None:
    """A topic is known a moment before its partitions answer."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        known = admin.list_topics(timeout=START_TIMEOUT_S).topics
        partitions = [
            TopicPartition(name, number)
            for name in topics
            if name in known
            for number in known[name].partitions
        ]
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        futures = admin.list_offsets(dict.fromkeys(partitions, latest))
        answers = {each.topic for each, future in futures.items() if future.exception() is None}
        if answers == set(topics) and all(future.exception() is None for future in futures.values()):
            return
        if time.monotonic() > deadline:
            raise BrokerError(f"nobody leads the partitions of {set(topics) - answers}")
        time.sleep(0.05)


@contextlib.contextmanager
def running(folder: Path, port: int | None = None) -> Iterator[Broker]:
    """A broker over `folder`, on `port` or a free one, stopped at the end."""
    first, second = free_ports(2)
    broker = Broker(folder, port or first, second)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def _run(command: list[str], timeout_s: float) -> str:
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=timeout_s, check=False, env=os.environ
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BrokerError(f"{command[0]}: {error}") from error
    if done.returncode:
        raise BrokerError(f"{command[0]} ended with {done.returncode}: {(done.stderr + done.stdout)[-2000:]}")
    return done.stdout


def main() -> None:
    """Becomes a broker, whose output and signals are its own."""
    parser = argparse.ArgumentParser(description="A Kafka broker of one node, on loopback.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("controller_port", type=int, nargs="?", help="default: a free one")
    arguments = parser.parse_args()
    controller_port = arguments.controller_port or free_ports(1)[0]
    command = Broker(arguments.folder.resolve(), arguments.port, controller_port).prepare()
    print(f"Kafka is going to answer at 127.0.0.1:{arguments.port}", flush=True)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
