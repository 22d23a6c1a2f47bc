"""Slack, webhooks and e-mail, each against a server."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given, strategies as st

from guardian.adapters.notify.mail import MailChannel, MailServer
from guardian.adapters.notify.notifier import notice_for
from guardian.adapters.notify.post import Target, UrlError
from guardian.adapters.notify.signature import is_genuine, sign
from guardian.adapters.notify.slack import SlackChannel
from guardian.adapters.notify.webhook import WebhookChannel
from guardian.alerts.model import Status, Subject
from guardian.ports import Notice, NotSentError
from tests.servers.inbox import Mail, Web, mail, web
from tests.unit.alerts.documents import document

SECRET = b"0123456789abcdef"


def notice(**changes: Any) -> Notice:
    return notice_for(document(**changes), "al_0123.suspected-medium.desk")


@pytest.fixture
def inbox() -> Iterator[Web]:
    with web() as server:
        yield server


@pytest.fixture
def mailbox() -> Iterator[Mail]:
    with mail() as server:
        yield server


def test_slack_gets_text_that_calls_nobody(inbox: Web) -> None:
    SlackChannel(Target(f"{inbox.url}/hook?a=1")).send(notice(narrative="<!channel> a & b"))
    ((path, headers, body),) = inbox.posts
    assert path == "/hook?a=1"
    assert headers["content-type"].startswith("application/json")
    text = json.loads(body)["text"]
    assert "&lt;!channel&gt; a &amp; b" in text
    assert "<" not in text
    assert text.startswith("MEDIUM, suspected: LONG_QUEUE at shop-1 (station SCC1)\n")


def test_slack_text_has_an_end(inbox: Web) -> None:
    SlackChannel(Target(inbox.url)).send(notice(narrative="x" * 100_000))
    assert len(inbox.posts[0][2]) < 4_000


def test_a_webhook_is_signed(inbox: Web) -> None:
    WebhookChannel(Target(inbox.url), SECRET, clock=lambda: 1_000_000.9).send(notice())
    ((_, headers, body),) = inbox.posts
    stamp, signature = headers["guardian-timestamp"], headers["guardian-signature"]
    assert stamp == "1000000"
    assert headers["guardian-notice"] == "al_0123.suspected-medium.desk"
    assert is_genuine(SECRET, stamp, signature, body, now_s=1_000_100)
    assert not is_genuine(SECRET, stamp, signature, body + b" ", now_s=1_000_100)
    assert not is_genuine(b"another-secret-of-ours", stamp, signature, body, now_s=1_000_100)
    assert not is_genuine(SECRET, "1000001", signature, body, now_s=1_000_100)
    assert not is_genuine(SECRET, stamp, signature, body, now_s=1_000_301)
    assert not is_genuine(SECRET, stamp, signature, body, now_s=999_699)
    assert json.loads(body)["alert"]["alert_id"] == "al_0123"


def test_the_signature_as_documented() -> None:
    # printf '1000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef
    assert sign(SECRET, "1000000", b"{}") == (
        "v1=a104d646f241131d17ca3b957290e81721d4ec6c5b15dff7b0221fdc985395de"
    )


@given(st.text(max_size=20), st.text(max_size=80), st.binary(max_size=50))
def test_no_forgery_is_genuine_and_none_raises(stamp: str, signature: str, body: bytes) -> None:
    assert not is_genuine(SECRET, stamp, signature, body, now_s=1_000_000)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16"):
        WebhookChannel(Target("https://x.example"), b"short")


@pytest.mark.parametrize(
    ("status", "again"), [(400, False), (404, False), (302, False), (429, True), (408, True), (503, True)]
)
def test_statuses(inbox: Web, status: int, again: bool) -> None:
    inbox.statuses = [status]
    inbox.headers = {"Retry-After": "7", "Location": "http://127.0.0.1:1/"}
    with pytest.raises(NotSentError, match=f"status {status}") as raised:
        SlackChannel(Target(inbox.url)).send(notice())
    assert raised.value.again is again
    assert raised.value.after_s == 7.0
    assert len(inbox.posts) == 1


def test_who_does_not_answer_is_left(inbox: Web) -> None:
    inbox.hang.clear()
    began = time.monotonic()
    with pytest.raises(NotSentError) as raised:
        SlackChannel(Target(inbox.url), timeout_s=0.2).send(notice())
    assert raised.value.again
    assert time.monotonic() - began < 10
    inbox.hang.set()


def test_an_answer_that_trickles_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/secret-path"
        over = threading.Event()

        def trickle() -> None:
            peer, _ = listener.accept()
            with peer:
                try:
                    peer.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                    while not over.wait(0.05):
                        peer.sendall(b"x")
                except OSError:
                    pass

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            with pytest.raises(NotSentError) as raised:
                SlackChannel(Target(url), timeout_s=0.4).send(notice())
        finally:
            over.set()
            thread.join()
    assert raised.value.again
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x.example/secret",
        "file:///secret",
        "secret",
        "http://",
        "https://u:secret@x.example/",
        "http://x.example:secret/",
        "http://x.example/ secret",
        "http://x.example/\r\nsecret",
    ],
)
def test_where_nothing_is_posted_to(url: str) -> None:
    with pytest.raises(UrlError) as raised:
        Target(url)
    assert "secret" not in str(raised.value)
    assert "secret" not in repr(Target("https://x.example/secret"))


def test_mail(mailbox: Mail) -> None:
    server = MailServer(host="127.0.0.1", port=mailbox.port, encryption="none")
    channel = MailChannel(server, "guardian@shop.example", ("desk@shop.example", "boss@shop.example"))
    channel.send(notice(narrative="Seven — wait.", subject=Subject("station", "SCC1\r\nBcc: x@evil.example")))
    parsed = message_from_bytes(mailbox.mails[0], policy=policy.default)
    assert parsed["To"] == "desk@shop.example, boss@shop.example"
    assert parsed["Bcc"] is None
    assert parsed["Subject"].strip().startswith("MEDIUM, suspected: LONG_QUEUE at shop-1")
    assert parsed["Message-ID"] == "<al_0123.suspected-medium.desk@shop.example>"
    text = parsed.get_content()
    assert "Seven — wait." in text
    assert "- Open a station." in text


@pytest.mark.parametrize(("answer", "again"), [("550 no such mailbox", False), ("451 later", True)])
def test_mail_that_is_refused(mailbox: Mail, answer: str, again: bool) -> None:
    mailbox.rcpt = answer
    server = MailServer(host="127.0.0.1", port=mailbox.port, encryption="none")
    with pytest.raises(NotSentError, match="recipients") as raised:
        MailChannel(server, "a@b.example", ("c@d.example",)).send(notice())
    assert raised.value.again is again


def test_nothing_goes_out_in_the_clear_where_encryption_was_asked_for(mailbox: Mail) -> None:
    server = MailServer(host="127.0.0.1", port=mailbox.port, username="u", password="secret")
    with pytest.raises(NotSentError):
        MailChannel(server, "a@b.example", ("c@d.example",)).send(notice())
    assert mailbox.mails == []
    with pytest.raises(ValueError, match="without encryption"):
        MailChannel(MailServer(host="h", encryption="none", password="p"), "a@b.c", ("d@e.f",))
    assert "secret" not in repr(server)


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server on 127.0.0.1 shows, and who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(Encoding.PEM)
    file = folder / "server.pem"
    file.write_bytes(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=pem.decode())


def test_mail_is_encrypted_for_a_server_that_is_trusted_and_for_no_other(tmp_path: Path) -> None:
    shown, trusting = certificate(tmp_path)
    with mail(shown) as mailbox:
        server = MailServer(host="127.0.0.1", port=mailbox.port)
        with pytest.raises(NotSentError, match="certificate") as raised:
            MailChannel(server, "a@b.example", ("c@d.example",)).send(notice())
        assert not raised.value.again
        assert mailbox.mails == []
        MailChannel(server, "a@b.example", ("c@d.example",), context=trusting).send(notice())
        assert mailbox.encrypted
        assert len(mailbox.mails) == 1


@pytest.mark.parametrize("address", ["", "a", "a@", "a@b\nBcc: c@d", "a@b, c@d", "<a@b>"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="addresses"):
        MailChannel(MailServer(host="h"), "a@b.example", (address,))


def test_a_cleared_alert_asks_nobody_to_act() -> None:
    cleared = notice(status=Status.CLEARED)
    assert cleared.title.startswith("CLEARED: LONG_QUEUE")
    assert "Open a station" not in cleared.text
