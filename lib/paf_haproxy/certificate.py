"""The certificate of the statistics and REST ports: read, and checked as a client would."""

from __future__ import annotations

import os
import ssl
import time

from .ocf import ERR_CONFIGURED, ERR_PERM, Rejected


def read(path: str) -> bytes:
    """Returns certificate and key as one PEM text. The key may be in the file PATH.key, as HAProxy
    takes it too.

    Raises Rejected if the file cannot be read, if the key does not belong to the certificate, or if
    the certificate has expired.
    """
    key = f"{path}.key" if os.path.exists(f"{path}.key") else None
    try:
        content = _content(path)
        if key and b"PRIVATE KEY-----" not in content:
            content += b"\n" + _content(key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path, key, password=lambda: "")
    except ssl.SSLError as error:
        text = "expected a PEM file with a certificate and its key, without a passphrase"
        raise Rejected(
            f"parameter tls_cert: {path}: {text} ({error.reason or error})", ERR_CONFIGURED
        ) from error
    except OSError as error:
        raise Rejected(f"parameter tls_cert: {path}: {error.strerror}", ERR_PERM) from error
    end = expiry(path)
    if end <= time.time():
        day = time.strftime("%Y-%m-%d", time.gmtime(end))
        raise Rejected(f"parameter tls_cert: {path}: the certificate expired on {day}: renew it")
    return content


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def expiry(path: str) -> float:
    """Returns when the first certificate of a PEM file expires, in s since 1970."""
    # The only way of the standard library to read a certificate that no peer has sent.
    found = ssl._ssl._test_decode_cert(path)  # type: ignore[attr-defined]
    return ssl.cert_time_to_seconds(found["notAfter"])
