"""The Exchange adapter and its password: a wrong one is tried once, a new one is taken up at once."""

from __future__ import annotations

from typing import Literal

import pytest

from approvald.adapters.exchange.mailbox import ExchangeMailbox
from approvald.config.settings import MailboxSettings
from approvald.core.errors import AuthenticationFailed, ConfigurationInvalid, System, Unavailable
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from fakes.names import FakeNames
from fakes.secrets import FakeGuard
from sandbox.exchange_client import USER, adapter, failed_logons, operations, secret, store_of

both_ways = pytest.mark.parametrize("authentication", ["basic", "ntlm"])
Way = Literal["basic", "ntlm"]


@both_ways
def test_a_good_password_is_proven_once(sandbox: Sandbox, authentication: Way) -> None:
    """The guard is asked before the first log-on and told of its success; after that nobody is asked any more."""
    guard, store = FakeGuard(), store_of()
    mailbox = adapter(sandbox, authentication=authentication, guard=guard, secrets=store)
    mailbox.list_inbox(1)
    mailbox.list_inbox(1)
    mailbox.close()
    assert guard.tries == guard.successes == [(USER, "1")]
    assert store.reads == [("mailbox", False)]


@both_ways
def test_a_wrong_password_is_one_failed_log_on(sandbox: Sandbox, authentication: Way) -> None:
    """However often the mailbox is polled, the account comes no step nearer to its lock-out."""
    guard = FakeGuard()
    mailbox = adapter(sandbox, authentication=authentication, guard=guard, secrets=store_of("wrong"))
    for _ in range(3):
        with pytest.raises(AuthenticationFailed) as caught:
            mailbox.list_inbox(1)
        assert caught.value.system is System.EXCHANGE
        assert caught.value.account == USER
        assert caught.value.next_try is not None
        assert "wrong" not in str(caught.value)
    mailbox.close()
    assert failed_logons(sandbox) == 1
    assert guard.failures == [(USER, "1")]
    assert guard.successes == []


@both_ways
def test_a_password_changed_while_running_is_taken_up_at_once(sandbox: Sandbox, authentication: Way) -> None:
    """The refused request is asked again with the new password; the operator restarts nothing."""
    guard, store = FakeGuard(), store_of()
    mailbox = adapter(sandbox, authentication=authentication, guard=guard, secrets=store)
    mailbox.list_inbox(1)
    sandbox.change_password("svc-mail", "second-password", ["directory"])
    store.put("mailbox", secret("second-password", version="2"))
    mailbox.close()  # an NTLM connection would stay logged on
    assert not mailbox.list_inbox(1)
    mailbox.close()
    assert guard.successes == [(USER, "1"), (USER, "2")]
    assert failed_logons(sandbox) == 1


@both_ways
def test_a_repaired_password_is_found_at_the_next_poll(sandbox: Sandbox, authentication: Way) -> None:
    """After a refusal the secret store is asked past its cache before every poll."""
    guard, store = FakeGuard(), store_of("wrong")
    mailbox = adapter(sandbox, authentication=authentication, guard=guard, secrets=store)
    for _ in range(2):
        with pytest.raises(AuthenticationFailed):
            mailbox.list_inbox(1)
    store.put("mailbox", secret(DEFAULT_PASSWORD, version="2"))
    assert not mailbox.list_inbox(1)
    mailbox.close()
    assert guard.successes == [(USER, "2")]
    assert failed_logons(sandbox) == 1


def test_two_wrong_passwords_are_two_failed_log_ons(sandbox: Sandbox) -> None:
    """Each version of the secret has its one try, and no more."""
    guard, store = FakeGuard(), store_of("wrong")
    store.put("mailbox", secret("wrong too", version="2"))
    mailbox = adapter(sandbox, guard=guard, secrets=store)
    for _ in range(3):
        with pytest.raises(AuthenticationFailed):
            mailbox.list_inbox(1)
    mailbox.close()
    assert guard.failures == [(USER, "1"), (USER, "2")]
    assert failed_logons(sandbox) == 2


def test_what_the_guard_forbids_is_not_sent(sandbox: Sandbox) -> None:
    """The guard remembers over restarts and programs; its no is heeded before anything leaves this machine."""
    guard = FakeGuard()
    guard.failed(USER, "1")
    mailbox = adapter(sandbox, guard=guard)
    with pytest.raises(AuthenticationFailed) as caught:
        mailbox.list_inbox(1)
    assert caught.value.system is System.EXCHANGE
    assert operations(sandbox) == []
    assert sandbox.stats()["exchange"]["http_requests"] == 0


def test_without_the_secret_store_nothing_is_sent(sandbox: Sandbox) -> None:
    """The secret store's own error comes through, with its own system."""
    store = store_of()
    store.away = True
    mailbox = adapter(sandbox, secrets=store)
    with pytest.raises(Unavailable) as caught:
        mailbox.list_inbox(1)
    assert caught.value.system is System.SECRET_STORE
    assert sandbox.stats()["exchange"]["http_requests"] == 0


@pytest.mark.parametrize("password", ["päss", "пароль", "日本語", "with:colon"])
def test_no_password_is_quoted(sandbox: Sandbox, password: str) -> None:
    """Also one that HTTP cannot carry as it stands is just a wrong password."""
    mailbox = adapter(sandbox, secrets=store_of(password))
    with pytest.raises(AuthenticationFailed) as caught:
        mailbox.list_inbox(1)
    mailbox.close()
    assert password not in repr(caught.value)


def test_kerberos_needs_its_package() -> None:
    """A way to log on that cannot work is told before the start, with its remedy."""
    settings = MailboxSettings(
        address="pam-approve@corp.example", url="https://mail.corp.example/EWS/Exchange.asmx", authentication="kerberos"
    )
    with pytest.raises(ConfigurationInvalid, match=r"approvald\[kerberos\]"):
        ExchangeMailbox(settings, 5_000_000, store_of(), FakeGuard(), FakeNames())


@both_ways
def test_who_has_logged_on_before_heeds_what_others_were_refused(sandbox: Sandbox, authentication: Way) -> None:
    """Doctor or the other host has met the changed password: this program does not try it, and finds the new one."""
    guard, store = FakeGuard(), store_of()
    mailbox = adapter(sandbox, authentication=authentication, guard=guard, secrets=store)
    mailbox.list_inbox(1)
    sandbox.change_password("svc-mail", "second-password", ["directory"])
    guard.failed(USER, "1")
    mailbox.close()  # an NTLM connection would stay logged on
    for _ in range(2):
        with pytest.raises(AuthenticationFailed):
            mailbox.list_inbox(1)
    assert failed_logons(sandbox) == 0
    store.put("mailbox", secret("second-password", version="2"))
    assert not mailbox.list_inbox(1)
    mailbox.close()
