"""Narratives by Gemini, believed only as far as the alert bears them out."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import httpx2
import msgspec
from google.auth.exceptions import GoogleAuthError
from google.genai import Client, errors, types

from guardian.adapters.google.minute_budget import MinuteBudget
from guardian.adapters.google.narrative_prompt import (
    LARGEST,
    PROMPT_VERSION,
    RESPONSE_SCHEMA,
    SYSTEM,
    as_data,
    shown,
)
from guardian.adapters.notify.backoff import Backoff
from guardian.alerts.document import AlertDocument
from guardian.alerts.narrative_check import check_narrative
from guardian.ports import Narration, NarrationCode, Narrative

LARGEST_ANSWER: Final = 8_000
"""Characters of an answer that is read."""
MOST_TOKENS: Final = 2_048
"""Tokens of an answer, a thinking model's thoughts included."""
LONGEST_SECRET: Final = 4_096


class GeminiSettingsError(ValueError):
    """Settings that cannot be used; names the variable, and shows no secret."""


class GeminiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """api_key: for the Gemini API; without one it is Vertex AI, in project and location, as the service
    account. base_url: of another server that speaks the same. per_minute: requests at most, repeated ones
    included. timeout_s: for one narrative, attempts and waits together."""

    model: str = "gemini-2.5-flash"
    api_key: str = ""
    project: str = ""
    location: str = "global"
    base_url: str = ""
    per_minute: int = 60
    timeout_s: float = 20.0

    def __repr__(self) -> str:
        return f"GeminiSettings({self.model!r})"


class _Answer(msgspec.Struct, frozen=True):
    summary: str
    why_it_matters: str
    first_action: str
    confidence: Literal["low", "medium", "high"]


_decode = msgspec.json.Decoder(_Answer).decode


class _Failure(Exception):
    """Why one attempt has failed, in a short code. again: whether another makes sense."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


class GeminiNarrator:
    """A `Narrator`. Safe for many threads."""

    def __init__(
        self,
        settings: GeminiSettings,
        *,
        backoff: Backoff = Backoff(attempts=3),  # noqa: B008 (frozen)
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """clock: seconds, monotonic. chance: a number from 0 to 1."""
        # The SDK's own attempts are switched off: ours keep to the budget and the time limit.
        options = types.HttpOptions(
            base_url=settings.base_url or None, retry_options=types.HttpRetryOptions(attempts=1)
        )
        self._client = (
            Client(vertexai=False, api_key=settings.api_key, http_options=options)
            if settings.api_key
            else Client(
                vertexai=True, project=settings.project, location=settings.location, http_options=options
            )
        )
        self._settings = settings
        self._budget = MinuteBudget(settings.per_minute, clock)
        self._backoff = backoff
        self._clock = clock
        self._sleep = sleep
        self._chance = chance

    def narrate(self, alert: AlertDocument) -> Narration:
        """Asks, checks, and raises nothing: what is not written has a reason."""
        facts = shown(msgspec.to_builtins(alert))
        data = as_data(facts)
        if len(data) > LARGEST:
            return Narration(NarrationCode.FAILED, "alert_too_large")
        deadline = self._clock() + self._settings.timeout_s
        failures = 0
        while True:
            if not self._budget.spend():
                return Narration(NarrationCode.OVER_BUDGET)
            try:
                answer = self._ask(data, deadline - self._clock())
                break
            except _Failure as failure:
                failures += 1
                wait = self._backoff.wait_s(failures, self._chance)
                if (
                    not failure.again
                    or failures >= self._backoff.attempts
                    or self._clock() + wait >= deadline
                ):
                    return Narration(NarrationCode.FAILED, str(failure))
                self._sleep(wait)
        return self._checked(answer, facts)

    def _ask(self, data: str, time_s: float) -> _Answer:
        config = types.GenerateContentConfig(
            system_instruction=SYSTEM,
            temperature=0.0,
            candidate_count=1,
            max_output_tokens=MOST_TOKENS,
            response_mime_type="application/json",
            response_json_schema=RESPONSE_SCHEMA,
            http_options=types.HttpOptions(timeout=max(int(time_s * 1000), 1)),
        )
        try:
            response = self._client.models.generate_content(
                model=self._settings.model, contents=data, config=config
            )
            text = response.text or ""
        except errors.APIError as error:
            raise _Failure(f"status_{error.code}", again=error.code == 429 or error.code >= 500) from None
        except (httpx2.TimeoutException, TimeoutError):
            raise _Failure("timeout", again=True) from None
        except (httpx2.HTTPError, OSError):
            raise _Failure("connection", again=True) from None
        except GoogleAuthError:
            raise _Failure("credentials", again=False) from None
        except ValueError:  # an answer that is not what the API promises, down to broken JSON
            raise _Failure("malformed", again=False) from None
        if not text:
            raise _Failure("empty", again=False)
        if len(text) > LARGEST_ANSWER:
            raise _Failure("answer_too_large", again=False)
        try:
            return _decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise _Failure("malformed", again=False) from None

    def _checked(self, answer: _Answer, facts: Mapping[str, Any]) -> Narration:
        parts = {
            "summary": answer.summary.strip(),
            "why_it_matters": answer.why_it_matters.strip(),
            "first_action": answer.first_action.strip(),
        }
        if objection := check_narrative(parts, facts):
            return Narration(NarrationCode.REFUSED, objection.code)
        narrative = Narrative(
            " ".join(parts.values()), self._settings.model, PROMPT_VERSION, answer.confidence
        )
        return Narration(NarrationCode.WRITTEN, narrative=narrative)


def gemini_settings(environment: Mapping[str, str]) -> GeminiSettings:
    """Settings from the environment, see docs/narratives-and-notices.md. Raises GeminiSettingsError."""
    key = environment.get("GUARDIAN_GEMINI_API_KEY", "")
    if file := environment.get("GUARDIAN_GEMINI_API_KEY_FILE"):
        if key:
            raise GeminiSettingsError("GUARDIAN_GEMINI_API_KEY: given twice, here and as a file")
        key = _read(Path(file))
    project = environment.get("GOOGLE_CLOUD_PROJECT", "")
    if not key and not project:
        raise GeminiSettingsError("GUARDIAN_GEMINI_API_KEY or GOOGLE_CLOUD_PROJECT: one of them is needed")
    base_url = environment.get("GUARDIAN_GEMINI_BASE_URL", "")
    if base_url and not base_url.startswith(("https://", "http://")):
        raise GeminiSettingsError("GUARDIAN_GEMINI_BASE_URL: expected an http or https URL")
    defaults = GeminiSettings()
    return GeminiSettings(
        model=environment.get("GUARDIAN_GEMINI_MODEL") or defaults.model,
        api_key=key,
        project=project,
        location=environment.get("GUARDIAN_GEMINI_LOCATION") or defaults.location,
        base_url=base_url,
        per_minute=_number(environment, "GUARDIAN_GEMINI_PER_MINUTE", defaults.per_minute),
        timeout_s=_number(environment, "GUARDIAN_GEMINI_TIMEOUT_S", int(defaults.timeout_s)),
    )


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as opened:
            text = opened.read(LONGEST_SECRET).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise GeminiSettingsError(f"GUARDIAN_GEMINI_API_KEY_FILE: {path}: {reason}") from None
    if not text:
        raise GeminiSettingsError(f"GUARDIAN_GEMINI_API_KEY_FILE: {path}: empty")
    return text


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 100_000):
        raise GeminiSettingsError(f"{name}: expected a number from 1 to 100000, found {text!r}")
    return int(text)
