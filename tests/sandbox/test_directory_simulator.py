"""The pretend directory, asked by ldap3 as approvald and others ask Active Directory."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ldap3
import pytest
from ldap3.core.exceptions import (
    LDAPBindError,
    LDAPBusyResult,
    LDAPInappropriateMatchingResult,
    LDAPInvalidCredentialsResult,
    LDAPNoSuchObjectResult,
    LDAPOperationsErrorResult,
    LDAPSessionTerminatedByServerError,
    LDAPSocketOpenError,
    LDAPSocketReceiveError,
    LDAPSocketSendError,
    LDAPStartTLSError,
    LDAPStrongerAuthRequiredResult,
)
from ldap3.utils.conv import escape_filter_chars

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.world import DEFAULT_PASSWORD

BASE = "DC=corp,DC=example"
GROUPS = f"OU=Groups,OU=PAM,{BASE}"
TEAM = f"CN=DB_PAMapprover,{GROUPS}"
IN_CHAIN = "1.2.840.113556.1.4.1941"
BIT_AND = "1.2.840.113556.1.4.803"
pytestmark = pytest.mark.filterwarnings(
    "ignore:ssl.match_hostname:DeprecationWarning",  # ldap3 2.9.1 still calls it where Python has it
)
LIMIT_EXCEEDED = 4
PERSON = "(&(objectCategory=person)(objectClass=user)(sAMAccountName={}))"


@contextmanager
def connected(
    sandbox: Sandbox,
    user: str = "CORP\\svc-directory",
    password: str = DEFAULT_PASSWORD,
    *,
    scheme: str = "ldaps",
    tls: bool = True,
) -> Iterator[ldap3.Connection]:
    """Connect and bind as a careful client does: verified TLS, time limits, errors raised."""
    endpoints = sandbox.endpoints()
    port = int(endpoints[scheme].rpartition(":")[2])
    checked = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=endpoints["ca_file"])
    server = ldap3.Server(
        "localhost", port=port, use_ssl=scheme == "ldaps", tls=checked, get_info=ldap3.NONE, connect_timeout=5
    )
    connection = ldap3.Connection(
        server,
        user or None,
        password or None,
        client_strategy=ldap3.SAFE_SYNC,
        receive_timeout=2,
        raise_exceptions=True,
        check_names=False,
    )
    try:
        connection.open()
        if tls and scheme == "ldap":
            connection.start_tls()
        connection.bind()
        yield connection
    finally:
        try:
            connection.unbind()
        except LDAPSocketSendError:
            connection.strategy.close()
        if connection.socket is not None:  # ldap3 leaves a socket open whose connection was refused
            connection.socket.close()


def rows(connection: ldap3.Connection, base: str, wanted: str, **more: Any) -> list[dict[str, Any]]:
    """Search and return the entries."""
    _, _, found, _ = connection.search(base, wanted, **more)
    return [each for each in found if each["type"] == "searchResEntry"]


def names(connection: ldap3.Connection, wanted: str, **more: Any) -> set[str]:
    """Return the sAMAccountNames that a search finds below the domain."""
    found = rows(connection, BASE, wanted, attributes=["sAMAccountName"], **more)
    return {each["raw_attributes"]["sAMAccountName"][0].decode() for each in found}


def limited(connection: ldap3.Connection, wanted: str, **more: Any) -> tuple[int, int]:
    """Return the result code of a search, which ldap3 raises for no limit, and how many rows came."""
    _, result, found, _ = connection.search(BASE, wanted, attributes=["1.1"], **more)
    return result["result"], len(found)


def attributes(connection: ldap3.Connection, sam: str, *wanted: str) -> dict[str, list[bytes]]:
    """Return the raw attributes of one account."""
    (row,) = rows(connection, BASE, f"(sAMAccountName={escape_filter_chars(sam)})", attributes=list(wanted) or ["*"])
    found: dict[str, list[bytes]] = row["raw_attributes"]
    return found


def is_member(connection: ldap3.Connection, dn: str, group: str) -> bool:
    """Ask at the person whether the group is in the chain above."""
    wanted = f"(memberOf:{IN_CHAIN}:={escape_filter_chars(group)})"
    return bool(rows(connection, dn, wanted, search_scope=ldap3.BASE, attributes=["1.1"]))


def dn_of(connection: ldap3.Connection, sam: str) -> str:
    """Return the DN of one account."""
    (row,) = rows(connection, BASE, PERSON.format(escape_filter_chars(sam)), attributes=["1.1"])
    return str(row["dn"])


@pytest.mark.parametrize("scheme", ["ldaps", "ldap"])
@pytest.mark.parametrize(
    "user",
    ["CORP\\svc-directory", "svc-directory@corp.example", f"CN=svc-directory,OU=Services,OU=PAM,{BASE}"],
)
def test_a_bind_takes_every_form_of_a_name_over_verified_tls(sandbox: Sandbox, scheme: str, user: str) -> None:
    """LDAPS and StartTLS both work with DOMAIN name, UPN and DN, under the sandbox's own CA."""
    with connected(sandbox, user, scheme=scheme) as connection:
        assert names(connection, "(sAMAccountName=mara.voss)") == {"mara.voss"}


def test_a_simple_bind_without_tls_is_refused(sandbox: Sandbox) -> None:
    """As a hardened domain controller it answers strongerAuthRequired in clear, and counts no failed bind."""
    with pytest.raises(LDAPStrongerAuthRequiredResult), connected(sandbox, scheme="ldap", tls=False):
        pass
    assert sandbox.stats()["failed_logons"]["directory"] == {}


def test_without_a_bind_only_the_root_is_shown(sandbox: Sandbox) -> None:
    """An anonymous client sees the rootDSE, and that this is Active Directory, but may not search."""
    with connected(sandbox, "", "") as connection:
        (root,) = rows(connection, "", "(objectClass=*)", search_scope=ldap3.BASE, attributes=["*"])
        assert root["raw_attributes"]["defaultNamingContext"] == [BASE.encode()]
        assert root["raw_attributes"]["supportedCapabilities"] == [b"1.2.840.113556.1.4.800"]
        with pytest.raises(LDAPOperationsErrorResult):
            names(connection, "(sAMAccountName=mara.voss)")


def test_five_wrong_passwords_lock_the_account(sandbox: Sandbox) -> None:
    """The sixth bind fails with data 775 even with the right password, and works a quarter of an hour later."""
    for _ in range(5):
        with pytest.raises(LDAPInvalidCredentialsResult, match="data 52e"), connected(sandbox, password="wrong"):
            pass
    with pytest.raises(LDAPInvalidCredentialsResult, match="data 775"), connected(sandbox):
        pass
    assert sandbox.stats()["failed_logons"]["directory"] == {"svc-directory": 6}
    sandbox.turn_clock(15 * 60 + 1)
    with connected(sandbox) as connection:
        assert connection.bound


def test_a_right_password_between_wrong_ones_starts_the_count_again(sandbox: Sandbox) -> None:
    """Only wrong passwords in a row lock an account."""
    for _ in range(2):
        for _ in range(4):
            with pytest.raises(LDAPInvalidCredentialsResult, match="data 52e"), connected(sandbox, password="wrong"):
                pass
        with connected(sandbox) as connection:
            assert connection.bound


@pytest.mark.parametrize(
    ("change", "data"),
    [({"disabled": True}, "533"), ({"expired": True}, "701"), ({"delete": True}, "525")],
)
def test_a_bind_tells_why_an_account_may_not_log_on(sandbox: Sandbox, change: dict[str, Any], data: str) -> None:
    """Disabled, expired and unknown accounts get Active Directory's own codes, with the right password."""
    sandbox.change_password("mara.voss", "her own", ["directory"])
    with connected(sandbox, "CORP\\mara.voss", "her own") as connection:
        assert connection.bound
    sandbox.change_person("mara.voss", **change)
    with (
        pytest.raises(LDAPInvalidCredentialsResult, match=f"data {data}"),
        connected(sandbox, "CORP\\mara.voss", "her own"),
    ):
        pass


def test_membership_is_nested_and_loops_end(sandbox: Sandbox) -> None:
    """The rule in-chain finds members of groups in groups; memberOf lists only the direct ones."""
    sandbox.change_group("DBA-Inner", members=["timo.gast"])
    sandbox.change_group("DBA-Team", members=["DBA-Inner"])
    sandbox.change_group("DB_PAMapprover", members=["mara.voss", "DBA-Team"])
    sandbox.change_group("DBA-Inner", members=["timo.gast", "DB_PAMapprover"])
    with connected(sandbox) as connection:
        assert is_member(connection, dn_of(connection, "timo.gast"), TEAM)
        assert is_member(connection, dn_of(connection, "timo.gast"), TEAM.swapcase())
        assert not is_member(connection, dn_of(connection, "wen.zhao"), TEAM)
        assert not is_member(connection, dn_of(connection, "timo.gast"), f"CN=No such group,{GROUPS}")
        inner = f"CN=DBA-Inner,{GROUPS}".encode()
        assert attributes(connection, "timo.gast", "memberOf")["memberOf"] == [inner]
        assert "timo.gast" in names(connection, f"(memberOf:{IN_CHAIN}:={TEAM})")


def test_a_change_of_the_world_is_seen_by_the_next_search(sandbox: Sandbox) -> None:
    """The directory keeps nothing: an open connection sees a member leave."""
    with connected(sandbox) as connection:
        person = dn_of(connection, "mara.voss")
        assert is_member(connection, person, TEAM)
        sandbox.change_group("DB_PAMapprover", members=["ilka.brandt"])
        assert not is_member(connection, person, TEAM)


def test_token_groups_hold_the_primary_group_but_no_distribution_group(sandbox: Sandbox) -> None:
    """As in Active Directory: in-chain finds distribution groups and no primary group, tokenGroups the reverse."""
    sandbox.change_group("Post", members=["priya.nair"], kind="distribution")
    sandbox.change_group("Primary", members=["priya.nair"])
    sandbox.change_person("priya.nair", primary_group="Primary")
    with connected(sandbox) as connection:
        person = dn_of(connection, "priya.nair")
        sids = {name: attributes(connection, name, "objectSid")["objectSid"][0] for name in ("Post", "Primary")}
        (row,) = rows(connection, person, "(objectClass=*)", search_scope=ldap3.BASE, attributes=["tokenGroups"])
        assert row["raw_attributes"]["tokenGroups"] == [sids["Primary"]]
        assert is_member(connection, person, f"CN=Post,{GROUPS}")
        assert not is_member(connection, person, f"CN=Primary,{GROUPS}")
        relative = attributes(connection, "priya.nair", "primaryGroupID")["primaryGroupID"][0]
        assert int(relative) == int.from_bytes(sids["Primary"][-4:], "little")


def test_security_groups_are_told_from_distribution_groups(sandbox: Sandbox) -> None:
    """GroupType has the security bit only where it belongs, for the value and for the bit rule."""
    sandbox.change_group("Post_PAMapprover", members=["priya.nair"], kind="distribution")
    with connected(sandbox) as connection:
        found = names(connection, f"(&(objectCategory=group)(groupType:{BIT_AND}:=2147483648))")
        assert "DB_PAMapprover" in found
        assert "Post_PAMapprover" not in found
        assert attributes(connection, "DB_PAMapprover", "groupType")["groupType"] == [b"-2147483646"]
        assert attributes(connection, "Post_PAMapprover", "groupType")["groupType"] == [b"2"]


def test_groups_are_found_by_a_pattern_of_their_names_but_not_of_dns(sandbox: Sandbox) -> None:
    """Substrings work for names, and as on Windows never for attributes that hold DNs."""
    with connected(sandbox) as connection:
        assert names(connection, "(&(objectCategory=group)(sAMAccountName=*_pamapprover))") == {
            "DB_PAMapprover",
            "Infra_PAMapprover",
            "L2_PAMapprover",
            "Net_PAMapprover",
            "SAP_PAMapprover",
        }
        assert names(connection, "(memberOf=*PAMapprover*)") == set()
        assert names(connection, "(!(memberOf=*PAMapprover*))") == set()


def test_a_person_has_the_attributes_that_active_directory_and_exchange_write(sandbox: Sandbox) -> None:
    """Mail, aliases, link attributes and account state stand where a client looks for them."""
    sandbox.change_person(
        "adm-mara", kind="admin", employee_id="1001", manager="mara.voss", mail=None, display_name="Voss, Mara (DB) #1"
    )
    sandbox.change_person("mara.voss", employee_id="1001", proxy_addresses=["SMTP:mara.voss@corp.example", "smtp:mv@x"])
    with connected(sandbox) as connection:
        mara = attributes(connection, "mara.voss")
        assert mara["proxyAddresses"] == [b"SMTP:mara.voss@corp.example", b"smtp:mv@x"]
        assert mara["userPrincipalName"] == [b"mara.voss@corp.example"]
        assert (mara["employeeID"], mara["userAccountControl"]) == ([b"1001"], [b"512"])
        assert (mara["displayName"], mara["mail"]) == ([b"Mara Voss"], [b"mara.voss@corp.example"])
        assert len(mara["objectGUID"][0]) == 16
        assert mara["accountExpires"] == [b"9223372036854775807"]
        admin = attributes(connection, "adm-mara")
        assert admin["manager"] == mara["distinguishedName"]
        assert "mail" not in admin
        assert admin["distinguishedName"] == [rf"CN=Voss\, Mara (DB) #1,OU=Admins,OU=PAM,{BASE}".encode()]
        assert is_member(connection, dn_of(connection, "mara.voss"), TEAM)
        assert not is_member(connection, dn_of(connection, "adm-mara"), TEAM)


@pytest.mark.parametrize(
    ("fields", "control", "details"),
    [
        ({"kind": "shared"}, b"514", b"4"),
        ({"kind": "linked"}, b"514", b"2"),
        ({"disabled": True}, b"514", b"1"),
        ({}, b"512", b"1"),
    ],
)
def test_kinds_of_mailboxes_are_told_apart(
    sandbox: Sandbox, fields: dict[str, Any], control: bytes, details: bytes
) -> None:
    """Shared and linked mailboxes have disabled accounts and a type of their own."""
    sandbox.change_person("box", **fields)
    with connected(sandbox) as connection:
        found = attributes(connection, "box", "userAccountControl", "msExchRecipientTypeDetails")
        assert found == {"userAccountControl": [control], "msExchRecipientTypeDetails": [details]}
        switched_off = names(connection, f"(userAccountControl:{BIT_AND}:=2)")
        assert ("box" in switched_off) == (control == b"514")


def test_a_contact_is_a_person_but_no_user(sandbox: Sandbox) -> None:
    """The filter that leaves out objectClass=user finds a contact with the same address too."""
    sandbox.change_person("ext", kind="contact", mail="mara.voss@corp.example", display_name="Mara Outside")
    with connected(sandbox) as connection:
        mail = "(mail=mara.voss@corp.example)"
        assert len(rows(connection, BASE, f"(&(objectCategory=person){mail})", attributes=["cn"])) == 2
        assert len(rows(connection, BASE, f"(&(objectClass=user){mail})", attributes=["cn"])) == 1


def test_objects_are_found_by_sid_and_guid_and_keep_them(sandbox: Sandbox) -> None:
    """A group keeps its SID from world to world, and gets another one when it is made again."""
    with connected(sandbox) as connection:
        before = attributes(connection, "DB_PAMapprover", "objectSid", "objectGUID")
        sandbox.reset()
        assert attributes(connection, "DB_PAMapprover", "objectSid", "objectGUID") == before
        guid = "".join(f"\\{byte:02x}" for byte in before["objectGUID"][0])
        assert names(connection, f"(objectGUID={guid})") == {"DB_PAMapprover"}
        (row,) = rows(connection, f"<SID={before['objectSid'][0].hex()}>", "(objectClass=group)", attributes=["cn"])
        assert row["dn"] == TEAM
        sandbox.change_group("DB_PAMapprover", recreate=True)
        assert attributes(connection, "DB_PAMapprover", "objectSid", "objectGUID") != before


def test_two_people_with_one_name_are_two_entries(sandbox: Sandbox) -> None:
    """Nobody hides behind somebody else's DN."""
    sandbox.change_person("mara.voss2", display_name="Mara Voss", mail="mara.voss@corp.example")
    with connected(sandbox) as connection:
        assert names(connection, "(mail=mara.voss@corp.example)") == {"mara.voss", "mara.voss2"}
        assert dn_of(connection, "mara.voss") != dn_of(connection, "mara.voss2")


def test_a_search_keeps_to_its_scope_and_limits(sandbox: Sandbox) -> None:
    """One level, size limit and paging work; an unknown base is an error and not an empty answer."""
    with connected(sandbox) as connection:
        everybody = names(connection, "(&(objectCategory=person)(objectClass=user))")
        below = rows(connection, f"OU=PAM,{BASE}", "(objectClass=*)", search_scope=ldap3.LEVEL, attributes=["1.1"])
        assert len(below) == 4
        assert limited(connection, "(objectClass=user)", size_limit=2) == (LIMIT_EXCEEDED, 2)
        assert limited(connection, "(sAMAccountName=mara.voss)", size_limit=2) == (0, 1)
        with pytest.raises(LDAPNoSuchObjectResult):
            rows(connection, f"OU=Nowhere,{BASE}", "(objectClass=*)", attributes=["1.1"])
        pages = connection.extend.standard.paged_search(
            BASE, "(&(objectCategory=person)(objectClass=user))", attributes=["sAMAccountName"], paged_size=4
        )
        assert {each["raw_attributes"]["sAMAccountName"][0].decode() for each in pages} == everybody
        with pytest.raises(LDAPInappropriateMatchingResult):
            names(connection, "(tokenGroups=S-1-5-32-544)")


def test_more_than_a_thousand_rows_are_never_given_at_once(sandbox: Sandbox) -> None:
    """Windows' MaxPageSize holds, for a client without a size limit too."""
    people: dict[str, dict[str, Any]] = {f"user{number}": {} for number in range(1001)}
    sandbox.reset({"people": people})
    with connected(sandbox) as connection:
        assert limited(connection, "(sAMAccountName=user*)") == (LIMIT_EXCEEDED, 1000)


def test_a_filter_is_exact_where_a_value_is_escaped(sandbox: Sandbox) -> None:
    """A star in a value is a star; without the escape it is a wildcard."""
    with connected(sandbox) as connection:
        assert names(connection, "(mail=mara*)") == {"mara.voss"}
        assert names(connection, f"(mail={escape_filter_chars('mara*')})") == set()
        assert names(connection, "(proxyAddresses=smtp:MARA.VOSS@corp.example)") == {"mara.voss"}


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.HANG, LDAPSocketReceiveError),
        (FaultKind.RESET_BEFORE, LDAPSessionTerminatedByServerError),
        (FaultKind.RESET_AFTER, LDAPSessionTerminatedByServerError),
        (FaultKind.STATUS, LDAPBusyResult),
        (FaultKind.HTML, Exception),
    ],
)
def test_a_fault_hits_one_search_and_no_more(sandbox: Sandbox, kind: FaultKind, error: type[Exception]) -> None:
    """Each kind of fault breaks the search it is meant for; the bind before and a new connection work."""
    sandbox.put_fault(System.DIRECTORY, Fault(kind=kind, times=1, operation="search"))
    with pytest.raises(error), connected(sandbox) as connection:
        names(connection, "(sAMAccountName=mara.voss)")
    with connected(sandbox) as connection:
        assert names(connection, "(sAMAccountName=mara.voss)") == {"mara.voss"}


def test_a_slow_directory_answers_late(sandbox: Sandbox) -> None:
    """SLOW delays beyond the client's limit, and within it only delays."""
    sandbox.put_fault(System.DIRECTORY, Fault(kind=FaultKind.SLOW, times=1, operation="bind", seconds=0.2))
    with connected(sandbox) as connection:
        assert connection.bound
    sandbox.put_fault(System.DIRECTORY, Fault(kind=FaultKind.SLOW, times=1, operation="bind", seconds=3))
    with pytest.raises(LDAPSocketReceiveError), connected(sandbox):
        pass


def test_a_bind_whose_answer_is_lost_was_judged(sandbox: Sandbox) -> None:
    """RESET_AFTER processes first: a wrong password counts, though the client never hears it."""
    sandbox.put_fault(System.DIRECTORY, Fault(kind=FaultKind.RESET_AFTER, times=1, operation="bind"))
    with pytest.raises((LDAPSessionTerminatedByServerError, LDAPBindError)), connected(sandbox, password="wrong"):
        pass
    assert sandbox.stats()["failed_logons"]["directory"] == {"svc-directory": 1}


def test_the_directory_goes_down_and_comes_back_on_its_ports(sandbox: Sandbox) -> None:
    """DOWN cuts open connections and refuses new ones on both ports until it is cleared."""
    before = sandbox.endpoints()
    with connected(sandbox) as connection:
        sandbox.put_fault(System.DIRECTORY, Fault(kind=FaultKind.DOWN))
        with pytest.raises((LDAPSessionTerminatedByServerError, LDAPSocketReceiveError)):
            names(connection, "(sAMAccountName=mara.voss)")
    for scheme in ("ldaps", "ldap"):
        with pytest.raises(LDAPSocketOpenError), connected(sandbox, scheme=scheme):
            pass
    sandbox.clear_faults(System.DIRECTORY)
    for scheme in ("ldaps", "ldap"):
        with connected(sandbox, scheme=scheme) as connection:
            assert connection.bound
    assert sandbox.endpoints() == before


@pytest.mark.parametrize(("scheme", "error"), [("ldaps", LDAPSocketOpenError), ("ldap", LDAPStartTLSError)])
def test_an_untrusted_certificate_is_shown_on_both_ports(sandbox: Sandbox, scheme: str, error: type[Exception]) -> None:
    """A verifying client refuses to bind under WRONG_CERTIFICATE, so no password is sent."""
    sandbox.put_fault(System.DIRECTORY, Fault(kind=FaultKind.WRONG_CERTIFICATE))
    with pytest.raises(error), connected(sandbox, scheme=scheme):
        pass
    assert "bind" not in sandbox.stats()["operations"]["directory"]
    sandbox.clear_faults()
    with connected(sandbox, scheme=scheme) as connection:
        assert connection.bound
