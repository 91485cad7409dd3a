"""hvac tamed: nothing from the environment, verified TLS, one time limit, and every failure in our own words.

The traps that are closed here: operations.md B1.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import hvac
import hvac.exceptions
import requests
from requests.adapters import HTTPAdapter

from approvald.config.settings import HashicorpVaultSettings
from approvald.core.errors import System, Unavailable

STATUS: Final = {
    hvac.exceptions.InvalidRequest: 400,
    hvac.exceptions.Unauthorized: 401,
    hvac.exceptions.Forbidden: 403,
    hvac.exceptions.InvalidPath: 404,
}
KEPT_METHOD: Final = frozenset({307, 308})
MOST_REDIRECTS: Final = 2
NOT_VAULT: Final = ("sent an answer that is not Vault's", "Check whether a proxy or portal answers in its place.")
NO_TOKEN: Final = ("answered a log-on without a token", "Check whether its address is Vault's own.")
NO_DATA: Final = ("answered without data", "Check whether the engine at secrets.hashicorp_vault.mount is KV version 2.")
REDIRECTED: Final = (
    "redirected us to an address that is not safe to follow",
    "Name the active node or the load balancer in secrets.hashicorp_vault.url.",
)
WRONG_CERTIFICATE: Final = (
    "showed a certificate that is not from the expected CA",
    "Check secrets.hashicorp_vault.ca_file and the host name in url.",
)
AWAY: Final = ("cannot be reached", "Check the network and Vault.")
SEALED: Final = ("is sealed or has no active node", "Unseal it, or check its cluster.")
HELD_BACK: Final = ("holds us back with a rate limit", "Check its quotas if this lasts.")


@dataclass(frozen=True, kw_only=True)
class TokenLease:
    """A token and how long it lives. Zero seconds: Vault named no end."""

    token: str = field(repr=False)
    seconds: float


class Refused(Exception):
    """Vault's refusal: 400, 401, 403 or 404. `deleted`: the secret existed and has been deleted."""

    def __init__(self, status: int, *, deleted: bool = False) -> None:
        self.status = status
        self.deleted = deleted
        super().__init__(f"HTTP {status}")


class _RedirectRefused(requests.RequestException):
    """A redirect that would carry the secret-id or the token where it must not go."""


class _Session(requests.Session):
    """Follows a standby node to the active one, over https only; any other redirect is an error."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where a 307 or 308 leads. requests itself would turn a log-on into a GET, or go on over http."""
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        if resp.status_code not in KEPT_METHOD or urlsplit(urljoin(resp.url, target)).scheme != "https":
            raise _RedirectRefused(response=resp)
        return target


class Connection:
    """One client; not thread safe."""

    def __init__(self, settings: HashicorpVaultSettings) -> None:
        self._settings = settings
        self._host = urlsplit(settings.url).netloc
        self._http = _Session()
        # No proxy, CA or .netrc of the environment: passwords travel here
        self._http.trust_env = False
        self._http.verify = str(settings.ca_file) if settings.ca_file else True
        self._http.max_redirects = MOST_REDIRECTS
        self._http.adapters.clear()
        self._http.mount("https://", HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0))
        self._client = hvac.Client(
            url=settings.url,
            token="",  # None would take $VAULT_TOKEN or ~/.vault-token
            cert=(),  # None would take $VAULT_CLIENT_CERT
            verify=self._http.verify,
            namespace=settings.namespace or None,
            timeout=settings.timeout_seconds,
            session=self._http,
        )

    def log_in(self, role_id: str, secret_id: str) -> TokenLease:
        """Log on by AppRole and use the new token from now on. Raises Refused and Unavailable."""
        self._client.token = ""  # an old one would travel along
        answer = self._ask(
            lambda: self._client.auth.approle.login(
                role_id, secret_id, use_token=False, mount_point=self._settings.approle_mount
            )
        )
        auth = answer.get("auth")
        token = auth.get("client_token") if isinstance(auth, Mapping) else None
        seconds = auth.get("lease_duration") if isinstance(auth, Mapping) else None
        if not isinstance(token, str) or not token or not isinstance(seconds, int):
            raise self._unavailable(*NO_TOKEN)
        self._client.token = token
        return TokenLease(token=token, seconds=seconds)

    def read(self, path: str) -> Mapping[str, Any]:
        """Return `data` and `metadata` of the newest version. Raises Refused and Unavailable."""
        answer = self._ask(
            lambda: self._client.secrets.kv.v2.read_secret_version(
                path, mount_point=self._settings.mount, raise_on_deleted_version=True
            )
        )
        data = answer.get("data")
        if not isinstance(data, Mapping) or not isinstance(data.get("data"), Mapping):
            raise self._unavailable(*NO_DATA)
        return data

    def revoke(self) -> None:
        """Give the token back and end the connection. Never raises."""
        try:
            if self._client.token:
                self._client.auth.token.revoke_self()
        except (hvac.exceptions.VaultError, requests.RequestException):
            return  # the token ends by itself
        finally:
            self._client.token = ""
            self._http.close()

    def _ask(self, call: Callable[[], object]) -> Mapping[str, Any]:
        """Call once. hvac's own texts stay out: they hold the path, and may hold a proxy's page."""
        try:
            answer = call()
        except (
            hvac.exceptions.InvalidRequest,
            hvac.exceptions.Unauthorized,
            hvac.exceptions.Forbidden,
            hvac.exceptions.InvalidPath,
        ) as error:
            raise self._refused(error) from None
        except hvac.exceptions.VaultError as error:
            raise self._trouble(error) from None
        except requests.RequestException as error:
            raise self._no_answer(error) from None
        if not isinstance(answer, Mapping):
            # hvac hands over the raw response when a 200 is not JSON, or the status is no error of Vault's
            raise self._unavailable(*NOT_VAULT)
        return answer

    def _refused(self, error: hvac.exceptions.VaultError) -> Exception:
        """Tell Vault's own refusal from that of a server in front of it, and a deleted secret from a missing one."""
        body = _json(error)
        if body is None:
            return self._unavailable(*NOT_VAULT)
        data = body.get("data")
        deleted = isinstance(data, Mapping) and isinstance(data.get("metadata"), Mapping)
        return Refused(STATUS[type(error)], deleted=deleted)

    def _trouble(self, error: hvac.exceptions.VaultError) -> Unavailable:
        if isinstance(error, hvac.exceptions.VaultDown):
            return self._unavailable(*SEALED)
        if isinstance(error, hvac.exceptions.RateLimitExceeded):
            return self._unavailable(*HELD_BACK)
        return self._unavailable(f"had an error of its own ({type(error).__name__})", "Look at its log.")

    def _no_answer(self, error: requests.RequestException) -> Unavailable:
        match error:
            case _RedirectRefused() | requests.TooManyRedirects():
                return self._unavailable(*REDIRECTED)
            case requests.exceptions.SSLError() if _is_about_a_certificate(error):
                return self._unavailable(*WRONG_CERTIFICATE)
            case requests.Timeout():
                limit = f"{self._settings.timeout_seconds:g}"
                return self._unavailable(f"did not answer in {limit} s", "Check the network and Vault.")
            case _:
                return self._unavailable(*AWAY)

    def _unavailable(self, what: str, remedy: str) -> Unavailable:
        message = f"HashiCorp Vault ({self._host}) {what}. Mails wait and are tried again. {remedy}"
        return Unavailable(System.SECRET_STORE, message)


def _is_about_a_certificate(error: BaseException | None) -> bool:
    """Tell a certificate from a connection cut inside TLS; requests has the same error for both."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


def _json(error: hvac.exceptions.VaultError) -> Mapping[str, Any] | None:
    """Return Vault's error body. hvac reads it only where the content type is bare application/json."""
    body = error.json
    if body is None:
        try:
            body = json.loads(error.text or "")
        except ValueError:
            return None
    return body if isinstance(body, Mapping) and ("errors" in body or "data" in body or "warnings" in body) else None
