"""What must hold for every input, one function a target: it takes any bytes and raises if it does not hold.

Owns the properties. It must not know where input comes from.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator

from ldapproxy.auth import credentials
from ldapproxy.auth.outcomes import SecondFactorOutcome, SecondFactorResult
from ldapproxy.duo import responses
from ldapproxy.duo.calls import CallOutcome, Failure, Reply
from ldapproxy.ldap import admission
from ldapproxy.ldap.actions import (
    Action,
    Disconnect,
    LimitHit,
    StartBind,
    StartTls,
    ToClient,
    ToDirectory,
)
from ldapproxy.ldap.admission import AdmissionRules, Anonymous, PasswordAttributes, Standing
from ldapproxy.ldap.dn import DistinguishedName
from ldapproxy.ldap.errors import DecodeError, InvalidName
from ldapproxy.ldap.framing import Frame, Head, MessageFramer
from ldapproxy.ldap.messages import (
    FINAL_RESPONSES,
    SimpleAuthentication,
    Tag,
    decode_abandon_request,
    decode_bind_request,
    decode_compare_request,
    decode_controls,
    decode_extended_request,
    decode_filter,
    decode_result,
    decode_search_request,
    decode_unbind_request,
    decode_values_return_filter,
    encode_bind_request,
)
from ldapproxy.ldap.session import Phase, Session, SessionRules
from ldapproxy.ldap.streaming import StreamFramer
from ldapproxy.secret import Secret

_PASSWORDS = PasswordAttributes(("userPassword", "unicodePwd", "olcRootPW"))
_RULES = AdmissionRules(Anonymous.ROOT_DSE, True, _PASSWORDS, frozenset())
_LIMIT = 4096

_DECODERS: dict[int, Callable[[Frame], object]] = {
    Tag.BIND_REQUEST: decode_bind_request,
    Tag.UNBIND_REQUEST: decode_unbind_request,
    Tag.SEARCH_REQUEST: decode_search_request,
    Tag.COMPARE_REQUEST: decode_compare_request,
    Tag.ABANDON_REQUEST: decode_abandon_request,
    Tag.EXTENDED_REQUEST: decode_extended_request,
    **dict.fromkeys(FINAL_RESPONSES, decode_result),
}


class Script:
    """Input as a sequence of small decisions and pieces of data."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_over(self) -> bool:
        """Whether everything has been read."""
        return self._at >= len(self._data)

    def number(self) -> int:
        """The next octet, 0 at the end."""
        if self.is_over:
            return 0
        self._at += 1
        return self._data[self._at - 1]

    def piece(self) -> bytes:
        """A piece of up to 255 octets, its length first."""
        size = self.number()
        piece = self._data[self._at : self._at + size]
        self._at += size
        return piece

    def rest(self) -> bytes:
        """Everything that is left."""
        rest = self._data[self._at :]
        self._at = len(self._data)
        return rest


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


# Messages


def messages(data: bytes) -> None:
    """Requests and results: however they arrive they are the same; only DecodeError refuses them."""
    script = Script(data)
    size = script.number() + 1
    stream = script.rest()
    whole, refused = _frames([stream])
    assert (whole, refused) == _frames(_pieces(stream, size))
    assert stream.startswith(b"".join(frame.raw for frame in whole))
    for frame in whole:
        assert 0 <= frame.message_id < 2**31
        assert 2 < frame.op_start <= frame.op_end <= len(frame.raw) <= _LIMIT
        _decode(frame)


def _frames(pieces: Iterator[bytes] | list[bytes]) -> tuple[list[Frame], bool]:
    """The messages of a stream, and whether it was refused."""
    framer = MessageFramer(_LIMIT, allow_zero_id=True)
    frames: list[Frame] = []
    try:
        for piece in pieces:
            framer.append(piece)
            while (frame := framer.next()) is not None:
                frames.append(frame)
            assert framer.buffered <= _LIMIT
    except DecodeError:
        return frames, True
    return frames, False


def _decode(frame: Frame) -> None:
    decode_controls(frame)  # the framer has checked them
    for standing in Standing:
        with contextlib.suppress(DecodeError):
            admission.examine(frame, standing, _RULES)
    decoder = _DECODERS.get(frame.tag)
    if decoder is None:
        return
    with contextlib.suppress(DecodeError):
        decoder(frame)
        if frame.tag == Tag.BIND_REQUEST:
            _bind_again(frame)


def _bind_again(frame: Frame) -> None:
    """A bind that we write ourselves says the same as the one that we read."""
    request = decode_bind_request(frame)
    match request.authentication:
        case SimpleAuthentication(credential) if request.version == 3:
            raw = encode_bind_request(request.message_id, request.name, credential, request.controls)
            framer = MessageFramer(len(raw), allow_zero_id=True)
            framer.append(raw)
            again = framer.next()
            assert again is not None
            assert decode_bind_request(again) == request


def filters(data: bytes) -> None:
    """Filters, as controls carry them."""
    for decode in (decode_filter, decode_values_return_filter):
        with contextlib.suppress(DecodeError):
            facts = decode(data)
            for description in facts.attributes:
                _PASSWORDS.name(description)
                assert description.isascii()


def streams(data: bytes) -> None:
    """Responses that pass through: nothing is lost or changed, and heads do not depend on the pieces."""
    script = Script(data)
    size = script.number() + 1
    stream = script.rest()
    whole = _heads([stream])
    in_pieces = _heads(_pieces(stream, size))
    assert whole[1] == in_pieces[1]
    if whole[1]:
        return  # the heads before what is refused are told only as far as its piece lets them
    assert whole == in_pieces
    frames, _ = _frames([stream])
    seen = _runs([(frame.message_id, frame.tag) for frame in frames])
    assert seen == whole[0][: len(seen)]


def _runs(heads: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The heads, of a run of entries of one search the first alone."""
    return [
        head
        for at, head in enumerate(heads)
        if head[1] != Tag.SEARCH_RESULT_ENTRY or head != heads[at - 1] or not at
    ]


def _heads(pieces: Iterator[bytes] | list[bytes]) -> tuple[list[tuple[int, int]], bool]:
    framer = StreamFramer()
    heads: list[tuple[int, int]] = []
    came = passed = b""
    for piece in pieces:
        came += piece
        try:
            forward, found = framer.feed(piece)
        except DecodeError:
            return heads, True
        passed += forward
        heads = _runs([*heads, *found])
        assert came.startswith(passed)
        # Six octets of a header, ten of a messageID at its longest; behind them the tag says what it is.
        assert len(came) - len(passed) <= 16
        assert framer.rest_of_message >= 0
        assert not framer.at_boundary or passed == came
    return heads, False


# Names


def names(data: bytes) -> None:
    """Distinguished names: a normal form is a name, its own normal form, and the same name."""
    first, _, second = data.decode("utf-8", "replace").partition("\n")
    parsed = [name for name in map(_name, (first, second)) if name is not None]
    for name in parsed:
        again = DistinguishedName.parse(name.normalised)
        assert again == name
        assert again.normalised == name.normalised
        assert hash(again) == hash(name)
        assert name.is_empty == (name.parent is None)
        assert name.is_within(name) != name.is_empty
        ancestor = name.parent
        while ancestor is not None and not ancestor.is_empty:
            assert name.is_within(ancestor)
            assert not ancestor.is_within(name)
            assert name != ancestor
            ancestor = ancestor.parent
    if len(parsed) == 2:
        one, other = parsed
        assert (one == other) == (one.normalised == other.normalised)
        if one.is_within(other):
            assert one.normalised.endswith(other.normalised)


def _name(text: str) -> DistinguishedName | None:
    try:
        return DistinguishedName.parse(text)
    except InvalidName:
        return None


# Sessions


class _Watch:
    """Looks at every action of a session."""

    def __init__(self, rules: SessionRules, session: Session) -> None:
        self._rules = rules
        self._session = session
        self.is_binding = False
        self.is_bound = False
        self.is_over = False
        self.asked: set[int] = set()

    def see(self, actions: list[Action]) -> None:
        for action in actions:
            assert not self.is_over, "nothing comes behind the end"
            match action:
                case ToDirectory(frame):
                    assert not self.is_binding, "nothing is relayed while a bind is pending"
                    self._relayed(frame)
                case StartBind(request, _, fresh):
                    assert not self.is_binding, "one bind at a time"
                    assert fresh or not self.asked, "answers for the old identity may be under way"
                    assert request.message_id > 0
                    self.is_binding, self.is_bound = True, False
                    self.asked.clear()
                case StartTls():
                    assert not self._session.confidential
                    assert not self.asked
                    self._session.tls_started()
                case Disconnect():
                    self.is_over = True
                case ToClient() | LimitHit():
                    pass
        assert self.is_over == (self._session.phase is Phase.CLOSED)
        assert self.is_binding == (self._session.phase is Phase.BINDING) or self.is_over
        assert self.is_bound == (self._session.phase is Phase.BOUND) or self.is_over
        assert self._session._waiting_bytes <= self._rules.buffered or self.is_over

    def _relayed(self, frame: Frame) -> None:
        if frame.tag == Tag.ABANDON_REQUEST:
            assert decode_abandon_request(frame).abandoned in self.asked
            return
        if not self.is_bound:
            search = decode_search_request(frame)
            assert (search.base, search.scope) == (b"", 0), "only the root DSE before a bind"
        if self._rules.confidentiality_required and not self._session.confidential:
            assert frame.tag == Tag.SEARCH_REQUEST
        self.asked.add(frame.message_id)


def sessions(data: bytes) -> None:
    """The state table: whatever a client sends, whenever binds end and answers come."""
    script = Script(data)
    flags = script.number()
    rules = SessionRules(_RULES, bool(flags & 1), bool(flags & 2), flags >> 4, 2048, _LIMIT)
    session = Session(rules, confidential=bool(flags & 4))
    watch = _Watch(rules, session)
    while not script.is_over and not watch.is_over:
        match script.number() % 6:
            case 0 | 1:
                watch.see(session.receive(script.piece()))
            case 2 if watch.is_binding:
                bound = bool(script.number() & 1)
                watch.is_binding, watch.is_bound = False, bound
                watch.see(session.bind_ended(b"", bound=bound))
            case 3:
                number, tag = script.number(), script.number()
                assert session.answered([Head(number, tag)]) or number not in watch.asked
                if tag in FINAL_RESPONSES:
                    watch.asked.discard(number)
            case 4:
                session.connection_dropped()
                watch.asked.clear()
            case 5:
                watch.see(session.receive(script.rest()))
            case _:
                pass


# Credentials


def splits(data: bytes) -> None:
    """`password,push`: what is split off and what is left are what was sent, and never more."""
    delimiter, credential = (",", data)
    if data[:1] == b"\x01":
        delimiter, credential = (data[1:3].decode("ascii", "replace") or ",", data[3:])
    sent = Secret(credential)
    password, choice = credentials.split(sent, delimiter)
    assert credentials.split(sent, None) == (sent, credentials.Auto())
    if password is sent:
        assert choice == credentials.Auto()
        return
    rest = credential[len(password.reveal()) :]
    assert credential.startswith(password.reveal())
    assert rest.startswith(delimiter.encode())
    typed = rest[len(delimiter.encode()) :]
    assert delimiter.encode() not in typed
    match choice:
        case credentials.Passcode(code):
            assert code.reveal() == typed
            assert typed.isalnum()
            assert len(typed) in (6, 7, 8, 9, 44)
        case credentials.NamedDevice(name):
            assert typed == b"@" + name.encode()
        case credentials.Push(device) | credentials.Phone(device) | credentials.Sms(device):
            assert 1 <= device <= 9
            assert len(typed) <= 6
        case _:
            raise AssertionError(f"{choice} was not typed")


# Duo


def duo(data: bytes) -> None:
    """Duo's answers: only an answer that says so lets anybody in."""
    script = Script(data)
    status = (200, 200, 200, 201, 301, 400, 401, 429, 500)[script.number() % 9]
    body = script.rest()
    response = responses.response_of(Reply(status, body))
    if isinstance(response, Failure):
        assert response.outcome is not CallOutcome.OK
        assert response.detail.isprintable()
        return
    document = json.loads(body)
    assert (status, document["stat"], document["response"]) == (200, "OK", response)
    result = response.get("result")
    for ended in (responses.preauth(response), responses.auth_status(response)):
        match ended:
            case SecondFactorResult(outcome=SecondFactorOutcome.ALLOWED | SecondFactorOutcome.BYPASSED):
                assert result == "allow"
            case SecondFactorResult(outcome=outcome, text=text):
                assert outcome in (
                    SecondFactorOutcome.DENIED,
                    SecondFactorOutcome.NOT_ENROLLED,
                    SecondFactorOutcome.TIMED_OUT,
                )
                assert result != "allow"
                assert text is None or text.isprintable()
            case _:
                pass
    txid = responses.transaction(response)
    assert isinstance(txid, Failure) or txid == response["txid"]
    time = responses.server_time(response)
    assert isinstance(time, Failure) or time > 0


TARGETS: dict[str, Callable[[bytes], None]] = {
    "messages": messages,
    "filters": filters,
    "streams": streams,
    "names": names,
    "sessions": sessions,
    "splits": splits,
    "duo": duo,
}
