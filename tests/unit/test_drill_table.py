"""The verifier of the drill's role."""

from __future__ import annotations

import base64
import hashlib
import hmac

from paf_lab.drill.table import scram

SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="
NONCE = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
MESSAGE = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={NONCE},s={SALT},i=4096,c=biws,r={NONCE}".encode()
PROOF = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
SIGNATURE = base64.b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


def test_the_exchange_of_rfc_7677_fits_the_verifier() -> None:
    verifier = scram("pencil", base64.b64decode(SALT), 4096)
    method, parameters, keys = verifier.split("$")
    assert (method, parameters) == ("SCRAM-SHA-256", f"4096:{SALT}")
    stored, server = (base64.b64decode(key) for key in keys.split(":"))
    assert hmac.digest(server, MESSAGE, "sha256") == SIGNATURE
    mask = hmac.digest(stored, MESSAGE, "sha256")
    client = bytes(a ^ b for a, b in zip(PROOF, mask))
    assert hashlib.sha256(client).digest() == stored


def test_every_password_has_its_own_verifier() -> None:
    assert scram("a", b"salt") != scram("b", b"salt")
    assert scram("a", b"salt") != scram("a", b"pepper")
    assert scram("a", b"salt").startswith("SCRAM-SHA-256$1:")
