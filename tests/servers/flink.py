"""Flink's SQL client with a cluster in its own process: one JVM that runs a script of statements and ends.

The jars come from Maven once and stay in build/flink; running needs Java 17 or newer.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from stack import maven

ROOT: Final = Path(__file__).parents[2]
POM: Final = ROOT / "infra" / "flink" / "local" / "pom.xml"
BUILD: Final = ROOT / "build" / "flink"

_OPENED: Final = (
    *(f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in ("io", "lang", "lang.reflect", "net")),
    *(f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in ("nio", "text", "time", "util")),
    *(f"--add-opens=java.base/java.util.concurrent{name}=ALL-UNNAMED" for name in ("", ".atomic", ".locks")),
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
)
"""What Flink asks Java to open, as its own start scripts do."""

_LOGGING: Final = """\
rootLogger.level = WARN
rootLogger.appenderRef.file.ref = file
appender.file.type = File
appender.file.name = file
appender.file.fileName = {log}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d %p %c{{1}}: %m%n%throwable
"""


class FlinkError(RuntimeError):
    """A script has failed; says why, with the end of what was written."""


@pytest.fixture(scope="session")
def flink() -> None:
    """Flink, fetched. Skips where it cannot run; with CI set it must."""
    if (lack := maven.missing()) is not None:
        if os.environ.get("CI"):
            pytest.fail(f"no Flink: {lack}")
        pytest.skip(f"no Flink: {lack}")
    classpath()


def classpath() -> str:
    """Flink's classpath. Raises FetchError."""
    return maven.classpath(POM, BUILD)


def command(
    folder: Path, script: str, heap_mb: int = 768, *, short: bool = False
) -> tuple[list[str], dict[str, str]]:
    """The command that runs a script of statements to its end, and its environment. Raises FetchError.

    folder: for the script, Flink's settings, its temporary files and its log (flink.log).
    heap_mb: of the whole process, cluster included. short: Java is to compile fast rather than well, since
    the script will not run for long.
    """
    path = classpath()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(f"execution.target: local\nio.tmp.dirs: {folder}\n")
    (folder / "script.sql").write_text(script, "utf-8")
    (folder / "logging.properties").write_text(_LOGGING.format(log=folder / "flink.log"))
    java = ["java", f"-Xmx{heap_mb}m", "-XX:MaxMetaspaceSize=256m", "-XX:+UseSerialGC", *_OPENED]
    java += ["-XX:TieredStopAtLevel=1"] if short else []
    java += [f"-Dlog4j.configurationFile={folder / 'logging.properties'}"]
    client = ["org.apache.flink.table.client.SqlClient", "-hist", str(folder / "history")]
    client += ["-f", str(folder / "script.sql")]
    return [*java, "-cp", path, *client], {**os.environ, "FLINK_CONF_DIR": str(folder)}


def run(folder: Path, script: str, timeout_s: float, heap_mb: int = 768) -> str:
    """Runs a short script of statements; what the client wrote. Raises FlinkError if one of them fails."""
    line, environment = command(folder, script, heap_mb, short=True)
    log = folder / "output.txt"
    with log.open("wb") as out:
        try:
            done = subprocess.run(
                line,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise FlinkError(f"not done after {timeout_s:g} s: {_last_words(log)}") from error
    written = log.read_text("utf-8", "replace")
    if done.returncode or "[ERROR]" in written:
        raise FlinkError(f"the SQL client ended with {done.returncode}: {_last_words(log)}")
    return written


def _last_words(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-3000:]
