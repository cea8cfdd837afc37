#!/usr/bin/env python3
"""Writes session_keys.json: what programs that make or read session keys must agree on (docs/session-keys.md).

It shares no code with Homeward: it is the specification once more, in another language, with the standard library only.

    tests/vectors/session_keys.py            writes session_keys.json beside itself
    tests/vectors/session_keys.py --print    prints it
"""

import base64
import hashlib
import hmac
import json
import pathlib
import sys

NEWER = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
OLDER = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
STRANGE = "f0e0d0c0b0a090807060504030201000f1e1d1c1b1a191817161514131211101"
REGIONS = {"east": "us-east", "central": "us-central", "west": "us-west", "us-north": "us-north", "e.": "e-dot"}
RANDOM = "9f2c0b6e4d8a17535e60c1f7a2b3d4e5"


def tag(key, prefix, id):
    """The tag of `id` at home in the region with `prefix`: 22 characters."""
    message = b"homeward-session-v1\x00" + prefix + b"\x00" + id
    code = hmac.new(bytes.fromhex(key), message, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(code[:16])[:22]


def key_of(prefix, id, separator="-", signed_with=None):
    """The session key of `id`, with a tag where there is a key to sign with."""
    prefix, id, separator = prefix.encode(), id if isinstance(id, bytes) else id.encode(), separator.encode()
    middle = [] if signed_with is None else [tag(signed_with, prefix, id)]
    return separator.join([prefix, *middle, id])


def shown(value):
    """A key as JSON: text where it is text, otherwise its bytes."""
    try:
        return {"key": value.decode("ascii")}
    except UnicodeDecodeError:
        return {"key_hex": value.hex()}


def changed(value, at, to=None):
    """`value` with another byte at one place."""
    byte = to if to is not None else (b"B" if value[at:at + 1] == b"A" else b"A")
    return value[:at] + byte + value[at + 1:] if at != -1 else value[:-1] + byte


def mints():
    for name, prefix, separator, keys, random in [
        ("unsigned", "east", "-", [], RANDOM),
        ("unsigned, zeroes", "east", "-", [], "00" * 16),
        ("unsigned, a long separator", "west", "..--__~~", [], RANDOM),
        ("unsigned, the longest prefix", "p" * 32, "-", [], RANDOM),
        ("unsigned, a prefix that holds the separator", "us-north", "-", [], RANDOM),
        ("unsigned, a prefix that ends like the separator begins", "e.", "..", [], RANDOM),
        ("signed", "east", "-", [OLDER], RANDOM),
        ("signed, another region", "west", "-", [OLDER], RANDOM),
        ("signed, another key", "east", "-", [NEWER], RANDOM),
        ("signed, while keys are exchanged: the first one signs", "east", "-", [NEWER, OLDER], RANDOM),
        ("signed, with a dot", "east", ".", [OLDER], "ff" * 16),
    ]:
        key = key_of(prefix, random, separator, keys[0] if keys else None)
        yield {"name": name, "prefix": prefix, "separator": separator, "keys": keys, "random": random,
               "key": key.decode()}


def reads():
    both = [NEWER, OLDER]
    for name, prefix, id, separator, keys, signed_with, minted_by in [
        ("unsigned", "east", RANDOM, "-", [], None, "app"),
        ("an id of one byte", "west", "1", "-", [], None, "app"),
        ("an id that looks like a separator", "east", "-", "-", [], None, "app"),
        ("an id that begins with a prefix", "east", "west-1", "-", [], None, "app"),
        ("an id with all bytes that a cookie may have, and a comma", "east",
         "".join(chr(c) for c in range(0x21, 0x7f) if chr(c) not in '";\\'), "-", [], None, "app"),
        ("the longest key", "east", "x" * 4091, "-", [], None, "app"),
        ("a prefix that holds the separator", "us-north", "1", "-", [], None, "app"),
        ("a prefix that ends like the separator begins", "e.", "1", "..", [], None, "app"),
        ("a separator of eight", "central", "1", "..--__~~", [], None, "app"),
        ("signed", "east", RANDOM, "-", [OLDER], 0, "app"),
        ("signed with the newer of two", "east", RANDOM, "-", both, 0, "app"),
        ("signed with the older of two", "east", RANDOM, "-", both, 1, "app"),
        ("signed, an id that looks like a tag and an id", "west", "A" * 22 + "-1", "-", [OLDER], 0, "app"),
        ("signed, a long separator", "central", "1", "..--__~~", [OLDER], 0, "app"),
        ("signed, the longest key", "east", "x" * 4068, "-", [OLDER], 0, "app"),
        ("minted by the edge: the app's value with spaces and quotes", "east", 'a "b" \\c', "-", [], None, "edge"),
        ("minted by the edge: the app's value is no text", "east", bytes(range(0x80, 0x100)), "-", [], None, "edge"),
        ("minted by the edge, signed: the app's value is no text", "west", b"\x01\xff;", "-", [OLDER], 0, "edge"),
        ("minted by the edge: an express cookie", "west", "s%3Aab-c.d%2Fe", "-", [OLDER], 0, "edge"),
    ]:
        key = key_of(prefix, id, separator, None if signed_with is None else keys[signed_with])
        id = id if isinstance(id, bytes) else id.encode()
        yield {"name": name, "separator": separator, "keys": keys, "minted_by": minted_by, **shown(key),
               "region": REGIONS[prefix], "id_hex": id.hex(),
               "signed_with": None if signed_with is None else ["current_key", "older_key"][signed_with]}


def bad():
    good = key_of("east", RANDOM, "-", OLDER)
    plain = key_of("east", RANDOM)
    rest = good[len("east-"):]
    code, id = rest[:22], rest[23:]

    def case(name, value, problem, keys=(OLDER,), separator="-", minted_by="app"):
        value = value if isinstance(value, bytes) else value.encode()
        return {"name": name, "separator": separator, "keys": list(keys), "minted_by": minted_by, **shown(value),
                "problem": problem}

    # Signed keys that were forged, tampered with, cut short, or signed by somebody else.
    yield case("signed: another region's prefix", good.replace(b"east", b"west"), "bad_signature")
    yield case("signed: a prefix that holds the separator", good.replace(b"east", b"us-north"), "bad_signature")
    yield case("signed: a prefix of no region", good.replace(b"east", b"moon"), "unknown_prefix")
    yield case("signed: the prefix in capitals", good.replace(b"east", b"EAST"), "unknown_prefix")
    yield case("signed: the first byte of the tag", changed(good, 5), "bad_signature")
    yield case("signed: the middle of the tag", changed(good, 16), "bad_signature")
    yield case("signed: the bits of the tag that carry nothing",
               changed(good, 26, b"_" if good[26:27] != b"_" else b"9"), "bad_signature")
    yield case("signed: a byte of the tag that is not in the alphabet", changed(good, 10, b"+"), "bad_signature")
    yield case("signed: a byte of the tag that is padding", changed(good, 26, b"="), "bad_signature")
    yield case("signed: the first byte of the id", changed(good, 28), "bad_signature")
    yield case("signed: the last byte of the id", changed(good, -1), "bad_signature")
    yield case("signed: a byte more", good + b"0", "bad_signature")
    yield case("signed: a byte less", good[:-1], "bad_signature")
    yield case("signed: the id in capitals", b"east-" + code + b"-" + id.upper(), "bad_signature")
    yield case("signed: another session's tag", b"east-" + code + b"-" + b"0" * 32, "bad_signature")
    yield case("signed: a tag of zeroes", b"east-" + b"A" * 22 + b"-" + id, "bad_signature")
    yield case("signed: half of the tag", b"east-" + code[:11] + b"-" + id, "bad_signature")
    yield case("signed: a tag with its padding", b"east-" + code + b"==-" + id, "bad_signature")
    whole = hmac.new(bytes.fromhex(OLDER), b"homeward-session-v1\0east\0" + id, hashlib.sha256).digest()
    yield case("signed: the tag not cut to 16 bytes",
               b"east-" + base64.urlsafe_b64encode(whole).rstrip(b"=") + b"-" + id, "bad_signature")
    yield case("signed: the tag in hexadecimal", b"east-" + whole[:16].hex().encode() + b"-" + id, "bad_signature")
    yield case("signed: the tag behind the id", b"east-" + id + b"-" + code, "bad_signature")
    yield case("signed: the prefix twice", b"east-" + good, "bad_signature")
    yield case("signed: no tag", plain, "bad_signature")
    yield case("signed: no id", b"east-" + code + b"-", "bad_signature")
    yield case("signed: no separator behind the tag", b"east-" + code + id, "bad_signature")
    yield case("signed: cut inside the tag", good[:20], "bad_signature")
    yield case("signed: cut behind the tag", good[:27], "bad_signature")
    yield case("signed: cut behind the prefix", good[:5], "malformed")
    yield case("signed: the prefix alone", good[:4], "malformed")
    yield case("signed: cut inside the prefix", good[:3], "malformed")
    yield case("signed by a key that nobody has", key_of("east", RANDOM, "-", STRANGE), "bad_signature")
    yield case("signed by a key that was taken out", good, "bad_signature", [NEWER])
    yield case("signed by a key that comes later", key_of("east", RANDOM, "-", NEWER), "bad_signature")
    yield case("signed with the tag of an empty id", b"east-" + tag(OLDER, b"east", b"") + b"-", "bad_signature")
    other = hmac.new(bytes.fromhex(OLDER), b"homeward-hop-v1\0east\0" + id, hashlib.sha256).digest()
    yield case("signed for another purpose",
               b"east-" + base64.urlsafe_b64encode(other[:16])[:22] + b"-" + id, "bad_signature")
    bare = hmac.new(bytes.fromhex(OLDER), id, hashlib.sha256).digest()
    yield case("signed without the prefix", b"east-" + base64.urlsafe_b64encode(bare[:16])[:22] + b"-" + id,
               "bad_signature")
    yield case("signed: another separator in the key", key_of("east", RANDOM, ".", OLDER), "malformed")
    yield case("signed: another separator behind the tag", b"east-" + code + b"." + id, "bad_signature")
    yield case("signed: another separator is expected", good, "malformed", separator=".")
    yield case("signed, minted by the edge: another region's prefix", good.replace(b"east", b"west"), "bad_signature",
               minted_by="edge")
    yield case("signed, minted by the edge: the app's own value", "s%3Aab.c%2F", "malformed", minted_by="edge")

    # Keys that are not signed.
    for name, value, problem in [
        ("nothing", b"", "malformed"),
        ("a prefix alone", b"east", "malformed"),
        ("no id", b"east-", "malformed"),
        ("no prefix", b"-9f2c", "malformed"),
        ("no separator", b"east9f2c", "malformed"),
        ("the prefix of no region", b"moon-9f2c", "unknown_prefix"),
        ("the prefix in capitals", b"EAST-9f2c", "unknown_prefix"),
        ("the beginning of a prefix", b"eas-9f2c", "unknown_prefix"),
        ("a prefix and more", b"eastern-9f2c", "unknown_prefix"),
        ("the beginning of a prefix that holds the separator", b"us-1", "unknown_prefix"),
        ("a uuid", b"550e8400-e29b-41d4-a716-446655440000", "unknown_prefix"),
        ("a prefix of 32 bytes that is that of no region", b"x" * 32 + b"-1", "unknown_prefix"),
        ("a separator where no prefix ends any more", b"x" * 33 + b"-1", "malformed"),
        ("a space in front", b" east-9f2c", "malformed"),
        ("a space inside", b"east-9f 2c", "malformed"),
        ("a tab", b"east-9f\t2c", "malformed"),
        ("a line's end", b"east-9f2c\n", "malformed"),
        ("a zero byte", b"east-9f2c\0", "malformed"),
        ("a delete", b"east-9f2c\x7f", "malformed"),
        ("quotes", b'"east-9f2c"', "malformed"),
        ("a semicolon", b"east-9f2c;", "malformed"),
        ("a backslash", b"east-9f\\2c", "malformed"),
        ("an umlaut in UTF-8", "east-\u00fc".encode(), "malformed"),
        ("a byte that is no text", b"east-\xff", "malformed"),
        ("a byte more than the longest", b"east-" + b"x" * 4092, "malformed"),
    ]:
        yield case("unsigned: " + name, value, problem, [])
    yield case("unsigned: the separator is another", plain, "malformed", [], "_")
    yield case("unsigned: half of a long separator", b"east.9f2c", "malformed", [], "..")
    yield case("unsigned, minted by the edge: a byte more than the longest", b"east-" + b"x" * 4092, "malformed", [],
               minted_by="edge")
    yield case("unsigned, minted by the edge: nothing behind the prefix", b"east-", "malformed", [], minted_by="edge")


def main():
    vectors = {
        "about": "Session keys of docs/session-keys.md; written by session_keys.py beside this file. Where a key is no "
                 "ASCII, key_hex has its bytes.",
        "regions": REGIONS,
        "mint": list(mints()),
        "read": list(reads()),
        "bad": list(bad()),
    }
    text = json.dumps(vectors, indent=1) + "\n"
    if sys.argv[1:] == ["--print"]:
        sys.stdout.write(text)
    else:
        pathlib.Path(__file__).with_suffix(".json").write_text(text)


if __name__ == "__main__":
    main()
