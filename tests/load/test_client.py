"""The session of an HttpUser against real servers, good and bad."""

from __future__ import annotations

import io
import json
import ssl
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import gevent
import pytest
from geventhttpclient.useragent import RetriesExceeded, UnsupportedRedirectSchemeError
from locust.contrib.fasthttp import LocustBadStatusCode
from locust.exception import LocustError, ResponseError

from sretool.load import wire
from sretool.load.client import BodyNotKept, ForbiddenHost
from sretool.load.transport import ConnectionEnded, TimedOut
from sretool.load.wire import BodyCutShort, MalformedResponse
from tests.load.server import TEXT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.load.conftest import Heard, Server

    Make = Callable[..., Any]
    Counted = Callable[[str, str], tuple[int, int, int]]


def sent(response: Any) -> dict[str, str]:
    """The headers that the server saw."""
    return {name.lower(): value for name, value in response.json()["headers"]}


# --- requests ---------------------------------------------------------------------------------------------


def test_every_request_is_counted_with_its_bytes(user: Make, counted: Counted) -> None:
    client = user().client
    for _ in range(3):
        assert client.get("/hello").text == "hello"
    assert client.get("/hello", name="greeting").ok
    assert counted("GET", "/hello") == (3, 0, 15)
    assert counted("GET", "greeting") == (1, 0, 5)


@pytest.mark.parametrize("method", ["delete", "get", "options", "patch", "post", "put"])
def test_methods(user: Make, method: str) -> None:
    response = getattr(user().client, method)("/echo?a=b%20c&d=é")
    assert response.status_code == 200
    assert response.json()["method"] == method.upper()
    assert response.json()["target"] == "/echo?a=b%20c&d=%C3%A9"


def test_bodies_and_their_headers(user: Make) -> None:
    client = user().client
    form = client.post("/echo", {"a": "1 2", "b": ["x", "y"]})
    assert form.json()["body"] == "a=1+2&b=x&b=y"
    assert sent(form)["content-type"] == "application/x-www-form-urlencoded"
    as_json = client.put("/echo", json={"a": 1})
    assert (as_json.json()["body"], sent(as_json)["content-type"]) == ('{"a": 1}', "application/json")
    assert as_json.request.body == '{"a": 1}'
    raw = client.post("/echo", b"\x00\xff", headers={"content-type": "x/y", "content-length": "99"})
    assert (raw.json()["body"], sent(raw)["content-type"], sent(raw)["content-length"]) == ("\0ÿ", "x/y", "2")
    assert sent(client.post("/echo"))["content-length"] == "0"
    assert "content-length" not in sent(client.get("/echo"))


def test_headers_of_a_request_win_whatever_their_case(user: Make) -> None:
    client = user(default_headers={"X-Of": "class", "accept": "a/b"}).client
    response = client.get("/echo", headers={"x-of": "request", "HOST": "virtual.example"})
    names = [name.lower() for name, _ in response.json()["headers"]]
    assert len(names) == len(set(names))
    assert sent(response)["x-of"] == "request"
    assert sent(response)["host"] == "virtual.example"
    assert sent(client.get("/echo"))["accept"] == "a/b"


def test_parameters_join_the_query(user: Make) -> None:
    response = user().client.get("/echo?a=1", params={"b": [2, 3]})
    assert response.json()["target"] == "/echo?a=1&b=2&b=3"


def test_a_header_cannot_smuggle_another(user: Make) -> None:
    with pytest.raises(ValueError, match="line breaks"):
        user().client.get("/echo", headers={"X-A": "b\r\nX-C: d"})


def test_authorisation(user: Make, server: Server) -> None:
    assert user().client.get("/auth").status_code == 401
    assert user().client.get("/auth", auth=("u", "p")).text == "in"
    with_name = server.url().replace("//", "//u:p@")
    assert user(host=with_name).client.get("/auth").text == "in"


# --- answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["gzip", "members", "deflate", "raw", "br", "unknown"])
def test_content_codings(user: Make, counted: Counted, coding: str) -> None:
    response = user().client.get(f"/encoded?as={coding}")
    assert response.content == TEXT
    assert response.error is None
    assert counted("GET", f"/encoded?as={coding}") == (1, 0, len(TEXT))


@pytest.mark.parametrize("coding", ["bad", "cut", "brcut"])
def test_what_is_not_in_its_coding_is_a_failure(user: Make, counted: Counted, coding: str) -> None:
    response = user().client.get(f"/encoded?as={coding}")
    assert response.error is not None
    assert counted("GET", f"/encoded?as={coding}")[:2] == (1, 1)


@pytest.mark.slow
def test_a_bomb_is_a_failure(user: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_BODY", 1024 * 1024)
    assert "unpacks to more than 1 MiB" in str(user().client.get("/encoded?as=bomb").error)


@pytest.mark.parametrize("step", [1_000_000, 997])
def test_chunks(user: Make, step: int) -> None:
    client = user().client
    for _ in range(2):
        assert client.get(f"/chunked?step={step}").content == b"one two " + b"x" * 70_000


def test_chunks_byte_by_byte_over_one_connection(user: Make) -> None:
    client = user().client
    assert len(client.get("/chunked?step=1").content) == 70_008
    assert client.get("/hello").text == "hello"


@pytest.mark.parametrize("path", ["/chunked-and-more", "/plain-and-more"])
def test_an_answer_that_nobody_asked_for_goes_to_nobody(user: Make, path: str) -> None:
    client = user().client
    assert client.get(path).text == "mine"
    assert client.get("/hello").text == "hello"


@pytest.mark.parametrize(("path", "body"), [("/until-close", b"as long as it lasts"), ("/http10", b"old")])
def test_bodies_that_end_with_the_connection(user: Make, path: str, body: bytes) -> None:
    client = user().client
    for _ in range(2):
        assert client.get(path).content == body


def test_early_answers_are_passed_over(user: Make) -> None:
    client = user().client
    for _ in range(2):
        assert client.get("/early").text == "late"


@pytest.mark.parametrize("code", ["204", "304"])
def test_answers_that_never_have_a_body(user: Make, code: str) -> None:
    client = user().client
    response = client.get(f"/bodiless-length?code={code}")
    assert (response.status_code, response.content, response.error) == (int(code), b"", None)
    assert client.get("/hello").text == "hello"


def test_head_has_no_body_whatever_its_length(user: Make) -> None:
    client = user().client
    assert client.get("/head").text == "hello"
    for _ in range(2):
        response = client.head("/head")
        assert (response.content, response.headers["content-length"]) == (b"", "5")
    assert client.get("/hello").text == "hello"


def test_text_in_its_charset(user: Make) -> None:
    def text(kind: str, body: str) -> str:
        raw = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        return str(user().client.get("/raw", params={"bytes": raw}).text)

    assert text("text/plain; charset=iso-8859-15", "\xa4") == "€"
    assert text("text/plain; charset=nonsense", "Ã©") == "é"
    assert text("application/json", "Ã©") == "é"


def test_a_large_body(user: Make, counted: Counted) -> None:
    size = 100_000_000
    path = f"/large?bytes={size}"
    assert len(user(kept_body=size).client.get(path).content) == size
    assert counted("GET", path) == (1, 0, size)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "size"),
    [("/large?bytes=100000000", 100_000_000), ("/encoded?as=large", 60_000_000)],
)
def test_a_large_body_that_nobody_asks_for(user: Make, counted: Counted, path: str, size: int) -> None:
    client = user(kept_body=1024 * 1024).client
    client.get("/hello")
    tracemalloc.start()
    response = client.get(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000
    assert (response.ok, response.error) == (True, None)
    assert counted("GET", path) == (1, 0, size)
    with pytest.raises(BodyNotKept, match=f"{size:,} bytes are not kept: set kept_body"):
        response.text  # noqa: B018
    assert client.get("/hello").text == "hello"


# --- redirects --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")]
)
def test_redirects_keep_or_change_the_method(user: Make, counted: Counted, code: int, method: str) -> None:
    path = f"/redirect?left=3&code={code}"
    response = user().client.post(path, "body")
    assert (response.json()["method"], response.json()["body"]) == (
        method,
        "body" if method == "POST" else "",
    )
    assert response.url.endswith(path)
    assert counted("POST", path)[:2] == (1, 0)


def test_redirects_on_the_short_way(user: Make, counted: Counted) -> None:
    client = user().client
    for _ in range(2):
        assert client.get("/redirect?left=2").json()["target"] == "/echo"
    assert counted("GET", "/redirect?left=2")[:2] == (2, 0)


def test_redirects_not_followed(user: Make) -> None:
    response = user().client.get("/redirect", allow_redirects=False)
    assert (response.status_code, response.headers["location"], response.error) == (302, "/echo", None)


def test_a_loop_ends(user: Make, counted: Counted) -> None:
    assert isinstance(user(max_redirects=5).client.get("/loop").error, RetriesExceeded)
    assert counted("GET", "/loop")[:2] == (1, 1)


def test_secrets_stay_with_their_origin(user: Make) -> None:
    client = user().client
    headers = {"Authorization": "secret", "Cookie": "a=b", "Host": "x", "X-Other": "goes on"}
    seen = sent(client.get("/elsewhere", headers=headers))
    assert "authorization" not in seen
    assert "cookie" not in seen
    assert seen["host"] != "x"
    assert seen["x-other"] == "goes on"


def test_a_redirect_to_another_scheme_fails(user: Make) -> None:
    assert isinstance(user().client.get("/odd-scheme").error, UnsupportedRedirectSchemeError)


def test_a_location_in_utf8(user: Make) -> None:
    assert user().client.get("/utf8-location").text == "hello"


def test_nothing_goes_to_a_host_that_is_no_target(user: Make, server: Server) -> None:
    client = user(allowed_hosts={"127.0.0.1"}).client
    assert client.get("/hello").ok
    assert isinstance(client.get("/away").error, ForbiddenHost)
    assert isinstance(client.get(server.url(host="localhost")).error, ForbiddenHost)
    assert isinstance(client.get("/away", stream=True).error, ForbiddenHost)


# --- cookies ----------------------------------------------------------------------------------------------


def test_cookies_come_back(user: Make) -> None:
    client = user().client
    assert "cookie" not in sent(client.get("/echo"))
    client.get("/cookie?set=first%3D1")
    assert set(sent(client.get("/echo"))["cookie"].split("; ")) == {"first=1", "second=2"}
    assert sent(client.get("/echo", headers={"cookie": "own=3"}))["cookie"] == "own=3"
    assert "second" not in sent(client.get("/redirect?to=/echo%3F", allow_redirects=True)).get("x", "")
    client.cookiejar.clear()
    assert "cookie" not in sent(client.get("/echo"))


def test_cookies_of_a_redirect(user: Make) -> None:
    assert "first=1" in sent(user().client.get("/cookie?set=first%3D1&to=/echo"))["cookie"]


def test_cookies_expire(user: Make) -> None:
    client = user().client
    client.get("/cookie?set=brief%3D1%3B%20Max-Age%3D2")
    assert "brief=1" in sent(client.get("/echo"))["cookie"]
    gevent.sleep(3.1)
    assert sent(client.get("/echo"))["cookie"] == "second=2"


def test_secure_cookies_stay_off_plain_connections(user: Make) -> None:
    client = user().client
    client.get("/cookie?set=safe%3D1%3B%20Secure")
    assert sent(client.get("/echo"))["cookie"] == "second=2"


def test_cookies_are_each_users_own(user: Make) -> None:
    one, other = user().client, user().client
    one.get("/cookie?set=a%3D1")
    assert "cookie" not in sent(other.get("/echo"))


# --- connections ------------------------------------------------------------------------------------------


def connections(client: Any) -> int:
    return int(client.get("/counts").json()["connections"])


def test_one_connection_for_many_requests(user: Make) -> None:
    client = user().client
    before = connections(client)
    for _ in range(20):
        client.get("/hello")
    assert connections(client) == before


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_kept_connection_closed_meanwhile_is_no_failure(user: Make, method: str) -> None:
    client = user().client
    for _ in range(3):
        assert client.request(method, "/close-between").text == "bye"
        gevent.sleep(0.02)
    assert client.get("/hello").text == "hello"


def test_a_connection_closed_under_a_get_is_tried_anew(user: Make) -> None:
    client = user().client
    for _ in range(3):
        assert client.get("/dies-when-kept").text == "first"


def test_a_connection_closed_under_a_post_is_a_failure(user: Make) -> None:
    client = user().client
    assert client.post("/dies-when-kept").text == "first"
    assert isinstance(client.post("/hello").error, ConnectionEnded | ConnectionResetError)


def test_requests_of_one_user_at_once(user: Make) -> None:
    client = user().client
    began = time.monotonic()
    together = [gevent.spawn(client.get, "/slow?seconds=0.3") for _ in range(20)]
    gevent.joinall(together)
    assert [each.value.text for each in together] == ["at last"] * 20
    assert time.monotonic() - began < 4  # One after the other they take 6.


def test_ipv6(user: Make, server: Server) -> None:
    if "ipv6" not in server.ports:
        pytest.skip("no IPv6 here: give the loopback its address (sysctl net.ipv6.conf.lo.disable_ipv6=0)")
    response = user(host=server.url("ipv6", "[::1]")).client.get("/echo")
    assert sent(response)["host"] == f"[::1]:{server.ports['ipv6']}"


# --- failures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [400, 404, 429, 500, 503])
def test_bad_status(user: Make, counted: Counted, code: int) -> None:
    response = user().client.get(f"/status?code={code}")
    assert (response.status_code, response.ok, response.reason) == (code, False, "As Asked")
    assert isinstance(response.error, LocustBadStatusCode)
    with pytest.raises(LocustBadStatusCode):
        response.raise_for_status()
    assert counted("GET", f"/status?code={code}")[:2] == (1, 1)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("", ConnectionEnded),
        ("HTTP/1.1 200 OK\r\n", ConnectionEnded),
        ("SSH-2.0-OpenSSH\r\n\r\n", MalformedResponse),
        ("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", MalformedResponse),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", MalformedResponse),
        ("HTTP/1.1 200 OK\r\nContent-Length: " + "9" * 30 + "\r\n\r\nhello", MalformedResponse),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nhello", BodyCutShort),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", MalformedResponse),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", BodyCutShort),
        ("HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", MalformedResponse),
        ("HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", MalformedResponse),
        ("HTTP/1.1 200 OK\r\nX-Long: " + "x" * 80_000, MalformedResponse),
        ("\r\n\r\n", MalformedResponse),
    ],
)
def test_hostile_answers_are_failures(
    user: Make, counted: Counted, raw: str, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    response = user(network_timeout=5).client.get("/raw", params={"bytes": raw}, name="hostile")
    assert isinstance(response.error, kind)
    assert (response.status_code, response.content, response.headers) == (0, None, None)
    assert counted("GET", "hostile")[:2] == (1, 1)


@pytest.mark.parametrize("path", ["/nothing", "/reset"])
def test_connections_that_end_at_once(user: Make, path: str) -> None:
    assert isinstance(user().client.get(path).error, ConnectionError)


def test_names_that_no_host_has(user: Make) -> None:
    error = user(host=f"http://{'a' * 80}.invalid").client.get("/").error
    assert isinstance(error, OSError)
    assert "no connection to aaa" in str(error)


def test_nobody_listens(user: Make, counted: Counted) -> None:
    error = user(host="http://127.0.0.1:1").client.get("/").error
    assert isinstance(error, ConnectionRefusedError)
    assert "no connection to 127.0.0.1:1: Connection refused" in str(error)
    assert counted("GET", "/")[:2] == (1, 1)


def test_no_such_name(user: Make) -> None:
    error = user(host="http://no-such-host.invalid").client.get("/").error
    assert isinstance(error, OSError)
    assert "no connection to no-such-host.invalid: " in str(error)


@pytest.mark.parametrize(
    "path",
    ["/slow?seconds=3", *(f"/slowloris?where={each}" for each in ("head", "body", "chunks", "until-close"))],
)
def test_timeouts(user: Make, counted: Counted, path: str) -> None:
    began = time.monotonic()
    response = user(network_timeout=0.4).client.get(path)
    assert 0.4 <= time.monotonic() - began < 10
    assert isinstance(response.error, TimedOut)
    assert counted("GET", path)[:2] == (1, 1)


def test_a_connection_that_is_never_made_secure_times_out(user: Make) -> None:
    began = time.monotonic()
    response = user("silent", connection_timeout=0.4).client.get("/")
    assert isinstance(response.error, TimedOut)
    assert time.monotonic() - began < 10


# --- TLS --------------------------------------------------------------------------------------------------


def test_certificates_are_verified(user: Make, server: Server) -> None:
    error = user("tls").client.get("/hello").error
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert str(error).startswith(f"no TLS with 127.0.0.1:{server.ports['tls']}: unable to get local issuer")
    assert user("tls", insecure=True).client.get("/hello").text == "hello"


def test_a_trusted_authority(user: Make, authority: Path) -> None:
    client = user("tls", ca_file=str(authority / "ca.pem")).client
    for path in ("/hello", "/hello", "/chunked", "/encoded?as=br", "/large?bytes=3000000"):
        assert client.get(path).ok
    assert client.post("/echo", "x" * 1_000_000).json()["body"] == "x" * 1_000_000
    before = connections(client)
    assert client.get("/close-between").text == "bye"
    gevent.sleep(0.02)
    assert client.post("/hello").text == "hello"
    assert connections(client) == before + 1


def test_the_wrong_name(user: Make, server: Server, authority: Path) -> None:
    wrong = user(host=server.url("misnamed", "127.0.0.2"), ca_file=str(authority / "ca.pem"))
    response = wrong.client.get("/hello")
    assert isinstance(response.error, ssl.SSLCertVerificationError)
    assert "certificate is not valid for '127.0.0.2'" in str(response.error)


def test_the_server_is_told_its_name(user: Make, server: Server, authority: Path) -> None:
    client = user(host=server.url("tls", "localhost"), ca_file=str(authority / "ca.pem")).client
    assert client.get("/counts").json()["sni localhost"] >= 1


def test_client_certificates(user: Make, authority: Path) -> None:
    ca = str(authority / "ca.pem")
    assert isinstance(user("client_cert", ca_file=ca).client.get("/hello").error, OSError)
    certificate = (str(authority / "client.pem"), str(authority / "client.key"))
    assert user("client_cert", ca_file=ca, client_cert=certificate).client.get("/hello").text == "hello"


def test_tls_to_a_server_without(user: Make, server: Server) -> None:
    silent = user(host=server.url().replace("http:", "https:"), connection_timeout=0.5)
    assert isinstance(silent.client.get("/").error, TimedOut)
    plain = user(host=server.url("blunt").replace("http:", "https:"))
    error = plain.client.get("/").error
    assert isinstance(error, ssl.SSLError)
    assert str(error).endswith(f"no TLS with 127.0.0.1:{server.ports['blunt']}: wrong version number")


def test_timeouts_and_cuts_through_tls(user: Make, authority: Path) -> None:
    ca = str(authority / "ca.pem")
    client = user("tls", ca_file=ca, network_timeout=0.4).client
    assert isinstance(client.get("/slowloris?where=body").error, TimedOut)
    assert isinstance(client.get("/nothing").error, ConnectionError)


# --- what goes through FastHttpSession --------------------------------------------------------------------


@pytest.mark.parametrize("port", ["plain", "tls"])
def test_streams(user: Make, counted: Counted, authority: Path, port: str) -> None:
    client = user(port, ca_file=str(authority / "ca.pem")).client
    assert list(client.iter_lines("/lines")) == [f"line {each}" for each in range(50)]
    with client.get("/lines", stream=True, catch_response=True) as response:
        assert response.stream.read(4) == b"line"
        response.failure("not what we wanted")
    assert counted("GET", "/lines")[:2] == (2, 1)


def test_bodies_of_files_and_generators(user: Make) -> None:
    client = user(default_headers={"X-Of": "class"}).client
    response = client.post("/echo", data=io.BytesIO(b"from a file"))
    assert "from a file" in response.json()["body"]
    assert sent(response)["x-of"] == "class"
    assert "piecepiece" in client.post("/echo", data=(b"piece" for _ in range(2))).json()["body"].replace(
        "\r\n", ""
    ).replace("5piece", "piece")


def test_files(user: Make) -> None:
    response = user().client.post("/echo", files={"upload": ("name.txt", io.BytesIO(b"content"))})
    assert "multipart/form-data" in sent(response)["content-type"]
    assert "content" in response.json()["body"]


def test_proxies(user: Make, server: Server, authority: Path) -> None:
    proxy = {"proxy_host": "127.0.0.1", "proxy_port": server.ports["proxy"]}
    assert user(**proxy).client.get("/hello").text == f"through the proxy to {server.url()}/hello"
    secure = user("tls", ca_file=str(authority / "ca.pem"), **proxy)
    assert secure.client.get("/hello").text == "hello"


def test_certificates_are_verified_for_streams_as_well(user: Make) -> None:
    assert isinstance(user("tls").client.get("/lines", stream=True).error, ssl.SSLError)


# --- judging ----------------------------------------------------------------------------------------------


def test_judged_by_hand(user: Make, counted: Counted) -> None:
    client = user().client
    with client.get("/hello", catch_response=True) as response:
        response.failure("said hello")
    with client.get("/status?code=404", catch_response=True, name="/hello") as response:
        response.success()
    with client.get("/hello", catch_response=True):
        raise ResponseError("not that")
    with client.get("/hello", catch_response=True):
        pass
    with pytest.raises(KeyError), client.get("/hello", catch_response=True) as response:
        raise KeyError
    assert counted("GET", "/hello")[:2] == (4, 2)


def test_judging_outside_of_a_block(user: Make) -> None:
    client = user().client
    with pytest.raises(LocustError):
        client.get("/hello").success()
    with pytest.raises(LocustError):
        client.get("/hello", catch_response=True).failure("x")
    with pytest.raises(LocustError), client.get("/hello"):
        pass


def test_rest(user: Make, counted: Counted) -> None:
    someone = user()
    with someone.rest("POST", "/echo", json={"a": 1}) as response:
        assert json.loads(response.js["body"]) == {"a": 1}
    with someone.rest("GET", "/hello") as response:
        pass
    with someone.rest_("GET", "/echo") as response:
        assert response.js["method"] == "PUT", "wrong"
    assert counted("POST", "/echo")[:2] == (1, 0)
    assert counted("GET", "/hello")[:2] == (1, 1)
    assert counted("GET", "/echo?_=...")[:2] == (1, 1)


def test_renamed(user: Make, counted: Counted) -> None:
    client = user().client
    with client.rename_request("all of them"):
        client.get("/hello")
        client.get("/echo")
    client.get("/hello")
    assert counted("GET", "all of them")[0] == 2
    assert counted("GET", "/hello")[0] == 1


def test_listeners_hear_everything(user: Make, heard: Heard) -> None:
    client = user(context=lambda self: {"who": "me"}).client
    client.get("/hello")
    client.get("/redirect", context={"why": "test"})
    client.get("/status?code=500")
    client.get("/encoded?as=gzip", name="short")
    one, two, three, four = heard
    assert {key: one[key] for key in ("request_type", "name", "response_length", "exception", "context")} == {
        "request_type": "GET", "name": "/hello", "response_length": 5, "exception": None,
        "context": {"who": "me"},
    }  # fmt: skip
    assert one["url"].endswith("/hello")
    assert one["response"].text == "hello"
    assert one["response"].request.headers["user-agent"] == "sretool"
    assert abs(one["start_time"] + one["response_time"] / 1000 - time.time()) < 5
    assert two["context"] == {"who": "me", "why": "test"}
    assert isinstance(three["exception"], LocustBadStatusCode)
    assert (four["name"], four["response_length"]) == ("short", len(TEXT))
