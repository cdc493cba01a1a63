"""ldapproxy/offline/token_file.py."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldapproxy.offline.codes import Algorithm, TotpKey
from ldapproxy.offline.token_file import MOST_LINES, Token, TokenFileError, read
from ldapproxy.secret import Secret

SEED = b"12345678901234567890"
HEX = SEED.hex()
HEADER = "account,label,secret_hex,algorithm,digits,period\n"


def problems(text: str | bytes) -> tuple[str, ...]:
    with pytest.raises(TokenFileError) as refused:
        read(Secret(text))
    assert HEX not in str(refused.value)
    return refused.value.problems


def test_every_column() -> None:
    text = HEADER + f"alice,Token 1,{HEX},SHA-256,8,60\n\nbob, Token 2 ,{'ab' * 16},,,\n"
    assert read(Secret(text)) == (
        Token(2, "alice", "Token 1", TotpKey(Secret(SEED), Algorithm.SHA256, 8, 60)),
        Token(4, "bob", "Token 2", TotpKey(Secret(b"\xab" * 16))),
    )


@pytest.mark.parametrize(
    "text",
    [
        f"account,label,secret_hex\nalice,t,{HEX}",
        f"LABEL , Secret_Hex,account\r\nt,{HEX.upper()},alice\r\n",
        f"\ufeffaccount;label;secret_hex\nalice;t;{HEX}\n",
        f'"account","label","secret_hex"\n"alice","t","{HEX}"\n',
        f"account,label,secret_base32\nalice,t,{base64.b32encode(SEED).decode()}\n",
        f"account,label,secret_base32\nalice,t,{base64.b32encode(SEED).decode().lower().rstrip('=')}\n",
        "account,label,secret_base32\nalice,t,GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ\n",
    ],
    ids=["bare", "windows", "semicolons", "quotes", "base32", "lower case", "groups"],
)
def test_what_spreadsheets_and_vendors_make_of_it(text: str) -> None:
    (token,) = read(Secret(text))
    assert (token.account, token.label, token.key) == ("alice", "t", TotpKey(Secret(SEED)))


def test_all_problems_come_at_once() -> None:
    text = HEADER + "\n".join(
        [
            f"alice,t,{HEX},sha1,6",
            f",t,{HEX},,,",
            f"alice,,{HEX},,,",
            "alice,t,xyz,,,",
            "alice,t,abcd,,,",
            f"alice,t,{HEX},md5,,",
            f"alice,t,{HEX},,7,",
            f"alice,t,{HEX},,,45",
            f"alice,t,{HEX},,,",
            f"bob,u,{HEX},,,",
        ]
    )
    assert problems(text) == (
        "line 2: has 5 columns where line 1 has 6",
        "line 3: account is empty",
        "line 4: label is empty",
        "line 5: secret_hex cannot be decoded",
        "line 6: the secret has 16 bits, and 128 are needed (RFC 4226); use another token",
        "line 7: algorithm must be sha1, sha256 or sha512",
        "line 8: digits must be 6 or 8",
        "line 9: period must be 30 or 60",
        "line 11: has the secret of line 10; each token has its own",
    )


@pytest.mark.parametrize(
    "header",
    [
        "",
        "account,label\n",
        "account,secret_hex\n",
        "account,label,secret_hex,secret_base32\n",
        "account,label,secret_hex,issuer\n",
        "account,label,label,secret_hex\n",
        f"alice,t,{HEX}\n",
    ],
)
def test_a_first_line_that_does_not_name_the_columns(header: str) -> None:
    (problem,) = problems(header)
    assert problem.startswith("line 1: must name the columns account, label, and secret_hex or secret_base32")


def test_files_that_are_none() -> None:
    assert problems(b"account,label,secret_hex\n\xff") == ("the file is not UTF-8; save it as CSV in UTF-8",)
    assert problems(HEADER) == ("the file holds no token; write one line for each below the first",)
    assert problems(HEADER + f'alice,"t,{HEX},,,') == ("line 2: is no CSV; look at its quotes",)
    assert problems(HEADER + "\n" * MOST_LINES) == (f"the file has more than {MOST_LINES} lines; split it",)


@given(st.binary(max_size=300))
def test_any_file_is_read_or_refused(content: bytes) -> None:
    for text in (content, HEADER.encode() + content):
        try:
            read(Secret(text))
        except TokenFileError as error:
            assert error.problems  # noqa: PT017 - either is right
