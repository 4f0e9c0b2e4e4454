"""What a file of public keys may hold, and which of its keys fit a token."""

import re
from contextlib import suppress
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from hypothesis import given
from hypothesis import strategies as st

from service import strict_json
from service.auth.keys import KeySet, UnusableFile, parse
from tests.support.keys import (
    ALGORITHMS,
    entry,
    jwks,
    pem,
    private,
    public,
    public_entry,
)


def kids(found: tuple[Any, ...]) -> list[str | None]:
    return [key.key_id for key in found]


def refusal(content: bytes) -> str:
    with pytest.raises(UnusableFile) as error:
        parse(content)
    # It goes on a sentence that begins with the setting's name.
    assert re.fullmatch(r"(is|holds) .+\.", str(error.value))
    return str(error.value)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_jwks_is_read(algorithm: str) -> None:
    for before in (b"", b" \n"):
        found = parse(before + jwks([public_entry(algorithm)]))
        assert kids(found.that_fit(algorithm, algorithm)) == [algorithm]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_without_alg_and_use_is_for_its_type_s_algorithm(algorithm: str) -> None:
    found = parse(jwks([public_entry(algorithm, alg=..., use=..., key_ops=...)]))
    assert len(found.that_fit(algorithm, algorithm)) == 1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_pem_is_read(algorithm: str) -> None:
    assert len(parse(pem(public(algorithm))).that_fit(algorithm, None)) == 1


def test_pem_may_hold_several_keys_and_remarks() -> None:
    content = b"# ours\n" + b"\n\n".join(pem(public(name)) for name in ALGORITHMS) + b"# end"
    assert [len(parse(content).that_fit(name, None)) for name in ALGORITHMS] == [1, 1, 1]


@pytest.mark.parametrize("kid", [None, "a", "anything"])
def test_keys_in_pem_fit_tokens_with_or_without_a_kid(kid: str | None) -> None:
    found = parse(pem(public("ES256", "1")) + pem(public("ES256", "2")))
    assert len(found.that_fit("ES256", kid)) == 2


@pytest.mark.parametrize("kid", ["A", "a ", "aa", "", "b"])
def test_kid_is_compared_exactly(kid: str) -> None:
    assert parse(jwks([public_entry("ES256", kid="a")])).that_fit("ES256", kid) == ()


def test_a_token_without_kid_fits_the_only_key_of_its_algorithm() -> None:
    found = parse(jwks([public_entry(name) for name in ALGORITHMS]))
    assert kids(found.that_fit("EdDSA", None)) == ["EdDSA"]


def test_a_token_without_kid_fits_none_of_several_keys() -> None:
    found = parse(jwks([public_entry("ES256", name, kid=name) for name in ("1", "2")]))
    assert found.that_fit("ES256", None) == ()


def test_a_key_without_kid_fits_no_token_with_one() -> None:
    found = parse(jwks([public_entry("ES256", kid=...)]))
    assert (len(found.that_fit("ES256", None)), found.that_fit("ES256", "x")) == (1, ())


@pytest.mark.parametrize(
    "other", ["RS256", "EdDSA", "HS256", "ES384", "none", "es256", "", None, []]
)
def test_a_key_fits_no_other_algorithm(other: Any) -> None:
    found = parse(jwks([public_entry("ES256", kid="a")]))
    assert found.that_fit(other, "a") == found.that_fit(other, None) == ()


def test_no_keys_fit_nothing() -> None:
    assert KeySet().that_fit("ES256", None) == ()


LEFT_OUT = {
    "for encryption": public_entry("RS256", kid="x", use="enc"),
    "RS512": public_entry("RS256", kid="x", alg="RS512"),
    "RSA-OAEP": public_entry("RS256", kid="x", alg="RSA-OAEP"),
    "an algorithm of another type": public_entry("RS256", kid="x", alg="ES256"),
    "an algorithm that is a number": public_entry("ES256", kid="x", alg=256),
    "to wrap keys": public_entry("RS256", kid="x", key_ops=["wrapKey"]),
    "for nothing that is a list": public_entry("RS256", kid="x", key_ops="verify"),
    "P-384": {"kty": "EC", "crv": "P-384", "kid": "x", "x": "AA", "y": "AA"},
    "X25519": {"kty": "OKP", "crv": "X25519", "kid": "x", "x": "AA"},
    "an unknown type": {"kty": "AKP", "kid": "x", "pub": "AA"},
    "a type that is a list": {"kty": ["RSA"], "kid": "x"},
    "no type": {"kid": "x"},
    "a small key for encryption": entry(
        public("RS256", bits=1024), "RS256", kid="x", use="enc", alg="RSA-OAEP"
    ),
}


@pytest.mark.parametrize("other", LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_key_for_something_else_is_left_out(other: dict[str, Any]) -> None:
    assert kids(parse(jwks([other, public_entry("ES256")])).keys) == ["ES256"]


@pytest.mark.parametrize("other", LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_file_with_nothing_but_keys_for_something_else_is_refused(other: dict[str, Any]) -> None:
    assert refusal(jwks([other])).startswith("holds no key that verifies")


def test_two_keys_may_share_a_kid_with_one_that_is_left_out() -> None:
    found = parse(jwks([public_entry("RS256", kid="a"), public_entry("RS256", kid="a", use="enc")]))
    assert kids(found.keys) == ["a"]


SYMMETRIC = {"kty": "oct", "kid": "s", "k": "c2VjcmV0"}
REFUSED = {
    "a symmetric key": (jwks([SYMMETRIC, public_entry("ES256")]), "symmetric"),
    "a symmetric key for encryption": (jwks([SYMMETRIC | {"use": "enc"}]), "symmetric"),
    "a private key": (jwks([entry(private("ES256"), "ES256")]), "private"),
    "a private RSA key": (jwks([entry(private("RS256"), "RS256")]), "private"),
    "the factors of a private key": (jwks([public_entry("RS256", p="AA")]), "private"),
    "a private key in PEM": (pem(private("RS256")), "private"),
    "a private key in PEM after a public one": (
        pem(public("ES256")) + pem(private("ES256")),
        "private",
    ),
    "one kid twice": (
        jwks([public_entry("ES256", "1", kid="a"), public_entry("ES256", "2", kid="a")]),
        "several keys of one kid: 'a'",
    ),
    "one kid for two types": (
        jwks([public_entry("ES256", kid="a"), public_entry("RS256", kid="a")]),
        "several keys of one kid: 'a'",
    ),
    "a kid that is a number": (jwks([public_entry("ES256", kid=7)]), "kid is no text"),
    "a small RSA key": (jwks([entry(public("RS256", bits=1024), "RS256")]), "1024 bits"),
    "a small RSA key in PEM": (pem(public("RS256", bits=1024)), "1024 bits"),
    "a point that is not on the curve": (
        jwks([public_entry("ES256", x=public_entry("ES256", "2")["x"])]),
        "none for ES256",
    ),
    "a key without its numbers": (jwks([public_entry("RS256", n=...)]), "none for RS256"),
    "no keys": (jwks([]), "no key that verifies"),
    "no list": (b'{"keys": {}}', "not a list"),
    "no keys at all": (b"{}", "not a list"),
    "a key that is a text": (b'{"keys": ["x"]}', "not a list of objects"),
    "a key of its own": (strict_json.dumps(public_entry("ES256")).encode(), "not a list"),
    "half a JWKS": (jwks([public_entry("ES256")])[:-9], "is no JWKS"),
    "a member twice": (b'{"keys": [], "keys": []}', "is no JWKS"),
    "nothing": (b"", "no key that verifies"),
    "some text": (b"ssh-ed25519 AAAA me@home", "no key that verifies"),
    "a page": (b"<html>404</html>", "no key that verifies"),
    "not UTF-8": (b"\xff", "UTF-8"),
    "half a PEM": (pem(public("ES256"))[:-9], "does not end"),
    "a PEM that is none": (
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "no public key",
    ),
    "a certificate": (
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "no public key",
    ),
    "P-384 in PEM": (pem(ec.generate_private_key(ec.SECP384R1()).public_key()), "none of RS256"),
    "a curve without a name in JWKS": (
        pem(ec.generate_private_key(ec.SECP224R1()).public_key()),
        "no public key",
    ),
    "Ed448 in PEM": (pem(ed448.Ed448PrivateKey.generate().public_key()), "none of RS256"),
    "X25519 in PEM": (pem(x25519.X25519PrivateKey.generate().public_key()), "none of RS256"),
}


@pytest.mark.parametrize(("content", "why"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_must_not_be_used_is_refused_with_the_reason(content: bytes, why: str) -> None:
    assert why in refusal(content)


def test_an_rsa_key_of_2048_bits_is_large_enough() -> None:
    assert parse(pem(rsa.generate_private_key(65537, 2048).public_key())).keys


VALUES = st.none() | st.integers() | st.text(max_size=9) | st.lists(st.text(max_size=3), max_size=2)


@given(
    st.sampled_from([public_entry(name) for name in ALGORITHMS]),
    st.dictionaries(
        st.sampled_from(["kty", "kid", "alg", "use", "key_ops", "crv", "x", "y", "n", "e"]),
        VALUES,
        max_size=3,
    ),
)
def test_no_changed_key_does_anything_but_parse_or_be_refused(
    good: dict[str, Any], changes: dict[str, Any]
) -> None:
    with suppress(UnusableFile):
        parse(jwks([good | changes]))


@given(st.binary())
def test_no_content_does_anything_but_parse_or_be_refused(content: bytes) -> None:
    with suppress(UnusableFile):
        parse(content)
