"""Telling PVWA's own word from what stands in front of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from approvald.adapters.pvwa.answers import Answer, Complaint, Empty, Foreign, Value, read, wait_wished

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PAGE = b"<!DOCTYPE html><html><body>Guru Meditation</body></html>"
JSON_TYPE = "application/json; charset=utf-8"


def error(status: int, code: str, words: str, **more: object) -> Answer:
    """Return PVWA's error body."""
    body = json.dumps({"ErrorCode": code, "ErrorMessage": words, **more}).encode()
    return Answer(status=status, body=body, content_type=JSON_TYPE)


def complaint(status: int, code: str, words: str, **more: object) -> Complaint:
    """Return PVWA's error as it is read."""
    reading = read(error(status, code, words, **more))
    assert isinstance(reading, Complaint)
    return reading


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 500, 502, 503])
@pytest.mark.parametrize("content_type", ["text/html", "", JSON_TYPE])
def test_a_web_page_is_never_pvwas_word(status: int, content_type: str) -> None:
    """Whatever its status, and whatever it says it is."""
    assert read(Answer(status=status, body=PAGE, content_type=content_type)) == Foreign(
        status=status, what="a web page"
    )


def test_json_that_calls_itself_html_is_not_believed() -> None:
    """A body that is served as a page is a page, even where it parses."""
    answer = Answer(status=404, body=b'{"ErrorCode":"X","ErrorMessage":"gone"}', content_type="text/html")
    assert isinstance(read(answer), Foreign)


@pytest.mark.parametrize(
    ("status", "body", "what"),
    [
        (302, b"", "a redirect"),
        (301, b'{"ErrorCode":"X"}', "a redirect"),
        (404, b"", "an empty answer"),
        (500, b" \r\n", "an empty answer"),
        (404, b'{"Message":"No HTTP resource was found"}', "JSON without an ErrorCode"),
        (400, b'{"error":"invalid","error_description":"x"}', "JSON without an ErrorCode"),
        (404, b"[]", "JSON without an ErrorCode"),
        (404, b'{"ErrorCode":"","ErrorMessage":"was not found"}', "JSON without an ErrorCode"),
        (404, b'{"ErrorCode":7}', "JSON without an ErrorCode"),
        (200, b"OK", "a text that is not JSON"),
        (404, b"\xff\xfe\x00", "a text that is not JSON"),
        (200, b"[" * 100_000, "a text that is not JSON"),
    ],
)
def test_only_json_with_an_error_code_counts_as_an_error(status: int, body: bytes, what: str) -> None:
    """Redirects, empty errors, other people's JSON and junk say nothing about a request."""
    assert read(Answer(status=status, body=body, content_type=JSON_TYPE)) == Foreign(status=status, what=what)


@pytest.mark.parametrize("content_type", ["", "text/html", JSON_TYPE])
def test_an_empty_success_is_a_yes(content_type: str) -> None:
    """Confirm answers 200 without a body and without a type worth anything."""
    assert read(Answer(status=200, body=b"", content_type=content_type)) == Empty(status=200)


@pytest.mark.parametrize("body", [b'{"a":1}', b'"text"', b"[]", b"null", b"\xef\xbb\xbf{}"])
def test_json_in_a_success_is_a_value(body: bytes) -> None:
    """Also with a byte order mark."""
    reading = read(Answer(status=200, body=body, content_type=JSON_TYPE))
    assert reading == Value(status=200, content=json.loads(body.decode("utf-8-sig")))


def test_an_error_under_a_success_is_an_error() -> None:
    """A 200 that carries an ErrorCode is no record and no yes."""
    assert isinstance(read(error(200, "CAWS00001E", "something went wrong")), Complaint)


def test_details_of_an_error_are_kept_in_every_form() -> None:
    """`Details` may be missing, an array, or one object; its words follow the general ones."""
    part = {"ParameterName": "id", "ErrorCode": "", "ErrorMessage": "The value is not valid."}
    whole = "There are some invalid parameters The value is not valid."
    assert complaint(400, "PASWS167E", "There are some invalid parameters", Details=[part]).words == whole
    assert complaint(400, "PASWS167E", "There are some invalid parameters", Details=part).words == whole
    assert complaint(400, "PASWS167E", "Only this", Details="no object").words == "Only this"
    assert complaint(400, "PASWS167E", "Only this", Details=None).words == "Only this"


def test_words_are_safe_to_show() -> None:
    """No control characters, no turned reading direction, at most 300 characters."""
    said = complaint(500, "CAWS00001E\x1b[31m", "a\x00b\u202ec\r\nd" + "x" * 1000)
    assert said.code == "CAWS00001E[31m"
    assert said.words.startswith("abc  dx")
    assert len(said.words) == 300


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "PASWS006E", "The session token is missing, invalid or expired."),
        (401, "ANYTHING", "whatever"),
        (403, "CAIWS001E", "Couldn't retrieve session token from request header."),
        (500, "CAWS00001E", "User svc has been disconnected"),
        (500, "CAWS00001E", "Logoff from the Vault and logon again"),
        (403, "CAWS00001E", "The user was logged off."),
    ],
)
def test_a_dead_token_is_recognised(status: int, code: str, words: str) -> None:
    """By status, by code, or by the words; and it is no verdict about rights."""
    said = complaint(status, code, words)
    assert said.is_dead_token
    assert not said.is_forbidden


@pytest.mark.parametrize(
    ("status", "code", "words", "forbidden"),
    [
        (403, "PASWS041E", "You are not authorized to perform this action.", True),
        (403, "ANYTHING", "no", True),
        (500, "CAWS00001E", "ITATS998E You are not authorized to perform this action.", True),
        (500, "CAWS00001E", "ITATS999E This request has already been closed.", False),
        (404, "CAWS00001E", "Request DB-PROD-01_17 was not found.", False),
    ],
)
def test_a_refusal_for_lack_of_rights_is_recognised(status: int, code: str, words: str, *, forbidden: bool) -> None:
    """Also where the Vault's refusal is wrapped in a 500."""
    said = complaint(status, code, words)
    assert said.is_forbidden is forbidden
    assert not said.is_dead_token


@pytest.mark.parametrize(
    ("status", "words", "gone"),
    [
        (404, "anything", True),
        (500, "Request DB-PROD-01_17 was not found.", True),
        (400, "The request 'DB-PROD-01_17' does not exist", True),
        (500, "Request ID DB-PROD-01_17 could not be found", True),
        (500, "DB-PROD-01_17 was not found", True),
        (500, "The request has been deleted", True),
        (500, "This request has already been closed.", False),
        (500, "An unexpected error occurred in the Vault.", False),
        (500, "The request failed because the server was not found", False),
        (500, "The network path was not found", False),
        (500, "User svc-pam-l1 was not found", False),
        (500, "Request DB-PROD-01_171 was not found.", False),
    ],
)
def test_only_words_about_the_request_itself_say_that_it_is_gone(status: int, words: str, *, gone: bool) -> None:
    """Something else that was not found proves nothing; a 404 of PVWA's own does."""
    assert complaint(status, "CAWS00001E", words).says_gone("DB-PROD-01_17") is gone


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 0 ", 0.0),
        ("86400", 3600.0),
        ("9" * 400, 3600.0),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("Fri, 20 Nov 2026 12:00:30 -0000", 30.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("Fri, 99 Nov 2026 12:00:30 GMT", None),
        ("\u0667", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    """At most an hour; what cannot be read is no wish."""
    assert wait_wished(header, NOW) == seconds


def test_an_answer_does_not_show_its_body() -> None:
    """A body may hold a token."""
    assert "secret-token" not in repr(Answer(status=200, body=b'"secret-token"'))
    assert "secret-token" not in repr(read(Answer(status=200, body=b'"secret-token"')))
