"""Notices by e-mail."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from typing import Literal

import msgspec

from guardian.ports import Notice, NotSentError

LONGEST = 20_000
"""Characters of a text."""
LONGEST_SUBJECT = 150

Encryption = Literal["starttls", "tls", "none"]


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """An SMTP server. encryption: "starttls" (and nothing is sent if it is refused), "tls" from the start, or
    "none", which is for a server on the same machine; then no password is ever sent."""

    host: str
    port: int = 587
    encryption: Encryption = "starttls"
    username: str = ""
    password: str = ""
    timeout_s: float = 15.0

    def __repr__(self) -> str:
        return f"MailServer({self.host!r}, {self.port}, {self.encryption!r})"


class MailChannel:
    """A `Channel` to some mailboxes."""

    def __init__(
        self,
        server: MailServer,
        sender: str,
        recipients: tuple[str, ...],
        *,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """context: whose certificates are trusted; the system's by default. Raises ValueError."""
        if server.encryption == "none" and (server.username or server.password):
            raise ValueError("a password is not sent without encryption")
        if not recipients or any(not _is_address(text) for text in (sender, *recipients)):
            raise ValueError("expected e-mail addresses")
        self._server = server
        self._sender = sender
        self._recipients = recipients
        self._context = context or ssl.create_default_context()

    def send(self, notice: Notice) -> None:
        """Sends one message; it counts as sent when one mailbox has taken it. Raises NotSentError."""
        server = self._server
        try:
            with self._connection() as smtp:
                if server.encryption == "starttls":
                    smtp.starttls(context=self._context)
                if server.username:
                    smtp.login(server.username, server.password)
                smtp.send_message(self._message(notice))
        except ssl.SSLCertVerificationError:
            raise NotSentError("certificate", again=False) from None
        except smtplib.SMTPNotSupportedError:
            raise NotSentError("no STARTTLS or login there", again=False) from None
        except smtplib.SMTPRecipientsRefused as error:
            again = all(400 <= code < 500 for code, _ in error.recipients.values())
            raise NotSentError("recipients refused", again=again) from None
        except smtplib.SMTPResponseException as error:
            raise NotSentError(f"status {error.smtp_code}", again=400 <= error.smtp_code < 500) from None
        except TimeoutError:
            raise NotSentError("timeout", again=True) from None
        except (OSError, smtplib.SMTPException) as error:
            raise NotSentError(f"connection: {type(error).__name__}", again=True) from None

    def _connection(self) -> smtplib.SMTP:
        server = self._server
        if server.encryption == "tls":
            return smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout_s, context=self._context)
        return smtplib.SMTP(server.host, server.port, timeout=server.timeout_s)

    def _message(self, notice: Notice) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        message["Subject"] = _one_line(notice.title)[:LONGEST_SUBJECT]
        message["Date"] = formatdate()
        # The same for every attempt: mailboxes that drop doubles can.
        message["Message-ID"] = f"<{notice.key}@{self._sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(notice.text[:LONGEST].encode("utf-8", "replace").decode())
        return message


def _one_line(text: str) -> str:
    """A header holds one line; what an event brings along must not begin a second one."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _is_address(text: str) -> bool:
    name, at, domain = text.rpartition("@")
    return (
        bool(name and at and domain)
        and text.isascii()
        and text.isprintable()
        and not set(text) & set(" ,;<>")
    )
