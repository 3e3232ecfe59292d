"""The two AWS emulators, started inside this process, with what they lack.

`start(name, account, access_key, secret_key)` returns a function that sends
one request and returns `(status, headers, body)`.
"""

import asyncio
import base64
import http.client
import io
import json
import logging
import os
import socket
import threading
import time
import traceback
import urllib.parse

REGION = "ca-central-1"


def start(name, account, access_key, secret_key):
    os.environ.update(
        AWS_ACCESS_KEY_ID=access_key,
        AWS_SECRET_ACCESS_KEY=secret_key,
        AWS_DEFAULT_REGION=REGION,
        AWS_EC2_METADATA_DISABLED="true",
    )
    for variable in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        os.environ.pop(variable, None)
    return {"moto": start_moto, "ministack": start_ministack}[name](account)


# moto ----------------------------------------------------------------------


def start_moto(account):
    os.environ["MOTO_ACCOUNT_ID"] = account
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    from moto.core.responses import EmptyResult
    from moto.iam.models import ManagedPolicy
    from moto.iam.responses import IamResponse
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    # AddClientID and RemoveClientID are not implemented.
    def add_client_id(self):
        provider = self.backend.get_open_id_connect_provider(self._get_param("OpenIDConnectProviderArn"))
        client_id = self._get_param("ClientID")
        if client_id not in provider.client_id_list:
            provider.client_id_list.append(client_id)
        return EmptyResult()

    def remove_client_id(self):
        provider = self.backend.get_open_id_connect_provider(self._get_param("OpenIDConnectProviderArn"))
        client_id = self._get_param("ClientID")
        if client_id in provider.client_id_list:
            provider.client_id_list.remove(client_id)
        return EmptyResult()

    IamResponse.add_client_id_to_open_id_connect_provider = add_client_id
    IamResponse.remove_client_id_from_open_id_connect_provider = remove_client_id

    # Attaching what is attached counts it twice.
    attach = ManagedPolicy.attach_to
    ManagedPolicy.attach_to = lambda self, to: self.arn in to.managed_policies or attach(self, to)

    application = DomainDispatcherApplication(create_backend_app)
    lock = threading.Lock()  # moto is not thread-safe

    def send(method, target, headers, body):
        path, _, query = target.partition("?")
        host, _, port = headers.get("Host", "127.0.0.1:80").partition(":")
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": urllib.parse.unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": target,
            "REQUEST_URI": target,
            "SERVER_NAME": host,
            "SERVER_PORT": port or "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for key in headers.keys():
            if key.lower() not in ("content-type", "content-length"):
                environ["HTTP_" + key.upper().replace("-", "_")] = ",".join(headers.get_all(key))
        answer = []
        try:
            with lock:
                chunks = application(environ, lambda status, fields, exc_info=None: answer.append((status, fields)))
                try:
                    content = b"".join(chunks)
                finally:
                    getattr(chunks, "close", lambda: None)()
        except Exception:
            # What moto does not implement often ends so; as a server it says 500.
            traceback.print_exc()
            return 500, [("Content-Type", "text/plain")], b"the emulator failed"
        status, fields = answer[0]
        return int(status.split()[0]), fields, content

    def warm_up():
        # The catalogue of managed policies takes a second, once.
        headers = http.client.HTTPMessage()
        headers["Host"] = "127.0.0.1"
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/20260101/us-east-1/iam/aws4_request, "
            "SignedHeaders=host, Signature=0"
        )
        send("POST", "/", headers, b"Action=ListPolicies&Version=2010-05-08&MaxItems=1")

    warm_up()
    return lambda: send


# ministack -----------------------------------------------------------------


def start_ministack(account):
    port = free_port()
    os.environ.update(
        AUTH="true",
        BIND_HOST="127.0.0.1",
        IOT_MTLS_ENABLED="0",  # listens on all interfaces, on one port
        MINISTACK_HOST="localhost",
        GATEWAY_PORT=str(port),
        MINISTACK_ACCOUNT_ID=account,
        MINISTACK_REGION=REGION,
        LOG_LEVEL="WARNING",
    )
    logging.getLogger("hypercorn").setLevel(logging.WARNING)
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    from ministack import app

    complete_ministack()
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 3600
    config.loglevel = "WARNING"

    async def run():
        await serve(app.app, config, shutdown_trigger=asyncio.Event().wait)

    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            if time.monotonic() > deadline:
                raise RuntimeError("ministack did not start within 30 seconds") from None
            time.sleep(0.02)

    def connect():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

        def send(method, target, headers, body):
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for key, value in headers.items():
                if key.lower() not in ("connection", "transfer-encoding", "expect", "content-length"):
                    connection.putheader(key, value)
            if body or method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()

        return send

    return connect


def complete_ministack():
    from ministack.services import iam, sts

    trusted = sts._web_identity_trust_denied

    def denied(role_arn, params, use_json):
        """What STS looks at before the trust policy, then the policy, once
        for each audience: the token passes when any of them matches."""

        def refuse(code, message):
            return sts._error(400, code, message, ns="sts")

        token = sts._p(params, "WebIdentityToken")
        try:
            claims = decode(token.split(".")[1])
        except (ValueError, IndexError):
            return refuse("InvalidIdentityToken", "The ID Token provided is not a valid JWT.")
        if not isinstance(claims, dict):
            return refuse("InvalidIdentityToken", "The ID Token provided is not a valid JWT.")
        issuer = str(claims.get("iss", ""))
        host = issuer.split("://", 1)[-1].rstrip("/")
        account = role_arn.split(":")[4]
        # In the role's account: the call is not signed, so there is no caller.
        arn = f"arn:{role_arn.split(':')[1]}:iam::{account}:oidc-provider/{host}"
        provider = iam._oidc_providers.get_scoped(account, None, arn)
        if provider is None:
            return refuse("InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {issuer}")
        if claims.get("exp", 0) < time.time():
            return refuse("ExpiredTokenException", "Token expired: it must be used before its expiration date")
        audiences = claims.get("aud")
        audiences = audiences if isinstance(audiences, list) else [audiences]
        known = [audience for audience in audiences if audience in provider["ClientIDList"]]
        if not known:
            return refuse("InvalidIdentityToken", "Incorrect token audience")
        refusal = None
        for audience in known:
            one = f"e30.{encode({**claims, 'aud': audience})}.e30"
            refusal = trusted(role_arn, {**params, "WebIdentityToken": [one]}, use_json)
            if refusal is None:
                return None
        return refusal

    sts._web_identity_trust_denied = denied

    def handler(name):
        def register(function):
            iam._IAM_HANDLERS.setdefault(name, lambda p: answer(name, function, p))
            return function

        return register

    def answer(name, function, p):
        try:
            result = function(p)
        except KeyError as missing:
            return iam._error(404, "NoSuchEntity", f"{missing.args[0]} cannot be found.", ns="iam")
        return iam._xml(200, f"{name}Response", f"<{name}Result>{result}</{name}Result>" if result else "", ns="iam")

    def provider_of(p):
        arn = iam._p(p, "OpenIDConnectProviderArn")
        provider = iam._oidc_providers.get(arn)
        if provider is None:
            raise KeyError(f"OpenIDConnect Provider {arn}")
        return provider

    get_provider = iam._IAM_HANDLERS["GetOpenIDConnectProvider"]

    def get_provider_as_aws_does(p):
        """AWS answers the URL without its scheme."""
        status, headers, body = get_provider(p)
        return status, headers, body.replace(b"<Url>https://", b"<Url>")

    iam._IAM_HANDLERS["GetOpenIDConnectProvider"] = get_provider_as_aws_does

    @handler("AddClientIDToOpenIDConnectProvider")
    def _(p):
        ids, client_id = provider_of(p)["ClientIDList"], iam._p(p, "ClientID")
        if client_id not in ids:
            ids.append(client_id)

    @handler("RemoveClientIDFromOpenIDConnectProvider")
    def _(p):
        ids, client_id = provider_of(p)["ClientIDList"], iam._p(p, "ClientID")
        if client_id in ids:
            ids.remove(client_id)

    @handler("TagOpenIDConnectProvider")
    def _(p):
        provider = provider_of(p)
        tags = {tag["Key"]: tag for tag in provider.get("Tags") or []}
        tags.update({tag["Key"]: tag for tag in iam._extract_tags(p)})
        provider["Tags"] = list(tags.values())

    @handler("UntagOpenIDConnectProvider")
    def _(p):
        gone = {value[0] for key, value in p.items() if key.startswith("TagKeys.member.")}
        provider = provider_of(p)
        provider["Tags"] = [tag for tag in provider.get("Tags") or [] if tag["Key"] not in gone]

    @handler("ListOpenIDConnectProviderTags")
    def _(p):
        tags = "".join(
            f"<member><Key>{tag['Key']}</Key><Value>{tag['Value']}</Value></member>"
            for tag in provider_of(p).get("Tags") or []
        )
        return f"<Tags>{tags}</Tags><IsTruncated>false</IsTruncated>"

    @handler("SetDefaultPolicyVersion")
    def _(p):
        arn, version = iam._p(p, "PolicyArn"), iam._p(p, "VersionId")
        policy = iam._policies.get(arn)
        if policy is None or version not in policy["Versions"]:
            raise KeyError(f"Policy {arn} version {version}")
        for candidate in policy["Versions"].values():
            candidate["IsDefaultVersion"] = candidate["VersionId"] == version
        policy["DefaultVersionId"] = version


def decode(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def encode(claims):
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
