"""What the app is made of, for its resources."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

import msgspec

from cloud_run.api.access_tokens import AccessTokens
from cloud_run.api.live import Live
from cloud_run.api.metrics import Metrics
from cloud_run.api.security import Authenticator
from cloud_run.api.settings import ApiSettings
from guardian.adapters.embedded.users import Users
from guardian.desk_ports import AlertDesk, EventLog, Jobs, Reports, Rows
from guardian.events.catalogue import Catalogue
from guardian.runtime.settings import Settings


class Accounts(msgspec.Struct, frozen=True):
    """Users that are ours, and their tokens."""

    users: Users
    tokens: AccessTokens


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine keeps besides alerts, and what people have it do. site: the site's own settings."""

    rows: Rows
    jobs: Jobs
    site: Settings


class Parts(msgspec.Struct, kw_only=True):
    """One of each for the whole process; all may be used by many threads.

    accounts: None where others say who somebody is. event_log, reports: None where there are none. zone: that
    of the site's naive times. clock: epoch seconds.
    """

    settings: ApiSettings
    desk: AlertDesk
    authenticator: Authenticator
    metrics: Metrics
    live: Live
    catalogue: Catalogue
    zone: tzinfo
    clock: Callable[[], float]
    accounts: Accounts | None = None
    event_log: EventLog | None = None
    records: Records | None = None
    reports: Reports | None = None
