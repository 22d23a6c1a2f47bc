"""Whatever is sent to the API, as described or not: no error of ours, and answers as described."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, CheckContext, GenerationMode, Response
from schemathesis.specs.openapi.checks import response_schema_conformance

from tests.e2e.api_server import ApiServer, add_user, running
from tests.e2e.conftest import Guardian

pytestmark = pytest.mark.e2e


def no_error_of_ours(ctx: CheckContext, response: Response, case: Case) -> None:
    """503 says that something is not set up here, as described; any other of them is a fault."""
    assert response.status_code < 500 or response.status_code == 503


CHECKS = [no_error_of_ours, response_schema_conformance]
ENDLESS = {"/api/v1/stream"}
FOR_ALL_S = 40.0
EXAMPLES = 25


@pytest.fixture(scope="module")
def api(guardian: Guardian, day: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    path = tmp_path_factory.mktemp("api-schema") / "guardian.db"
    guardian("replay", day, "--db", path)
    add_user(path, "admin", "admin")
    with running(path, GUARDIAN_CATALOG=str(day / "products_list.csv")) as server:
        yield server


@pytest.mark.timeout(600)  # each of some fifty operations is asked a few times, however slow the machine is
def test_no_request_leads_to_an_error_of_ours(api: ApiServer) -> None:
    headers = {"Authorization": f"Bearer {api.login('admin')}"}
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{api.port}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    operations = [one for one in operations if one.path not in ENDLESS]
    deadline = time.monotonic() + FOR_ALL_S
    asked: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @settings(
                max_examples=EXAMPLES,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(operation.as_strategy(mode))
            def check(case: Case) -> None:
                # Each is asked a few times, also when the machine is slow.
                if time.monotonic() > deadline and asked[case.operation.label] >= 3:
                    return
                asked[case.operation.label] += 1
                answer = case.call_and_validate(headers=headers, checks=CHECKS, timeout=30)
                statuses[answer.status_code] += 1

            try:
                check()
            except schemathesis.errors.InvalidSchema:
                raise
            except Exception as error:
                if (
                    type(error).__name__ != "Unsatisfiable"
                ):  # nothing can be wrong with a request without parts
                    raise
    assert len(asked) >= 8
    assert statuses[200]
    assert statuses[422]
