"""Payloads of DUMP made by hand: the types of old and of newer Redis servers, and right sums behind
whatever bytes. Layouts as published; src/rdb/rdb_format.h and old_forms.h have them."""

import struct

POLYNOMIAL = 0x95AC9329AC4BC9B5  # of Jones, its bits reversed


def crc64(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (POLYNOMIAL if crc & 1 else 0)
    return crc


def seal(body, version=10):
    """The payload of type and value."""
    summed = body + struct.pack("<H", version)
    return summed + struct.pack("<Q", crc64(summed))


def body(payload):
    """Type and value of a payload."""
    return payload[:-10]


def length(number):
    if number < 64:
        return struct.pack("B", number)
    if number < 16384:
        return struct.pack(">H", 0x4000 | number)
    return b"\x80" + struct.pack(">I", number)


def text(data):
    return length(len(data)) + data


def texts(items):
    return length(len(items)) + b"".join(text(item) for item in items)


def integer_of(data):
    """The integer that a text is written like, or None."""
    try:
        number = int(data)
    except ValueError:
        return None
    return number if b"%d" % number == data and abs(number) < 2 ** 63 else None


def ziplist(items):
    elements = b""
    before = 0
    tail = 10
    for item in items:
        tail = 10 + len(elements)
        head = struct.pack("B", before) if before < 254 else b"\xfe" + struct.pack("<I", before)
        number = integer_of(item)
        if number is not None:
            element = ziplist_integer(number)
        elif len(item) < 64:
            element = struct.pack("B", len(item)) + item
        elif len(item) < 16384:
            element = struct.pack(">H", 0x4000 | len(item)) + item
        else:
            element = b"\x80" + struct.pack(">I", len(item)) + item
        before = len(head) + len(element)
        elements += head + element
    return (struct.pack("<IIH", 11 + len(elements), tail, min(len(items), 65535)) + elements +
            b"\xff")


def ziplist_integer(number):
    if 0 <= number <= 12:
        return struct.pack("B", 0xf1 + number)
    for code, size in ((0xfe, 1), (0xc0, 2), (0xf0, 3), (0xd0, 4), (0xe0, 8)):
        if -(1 << (8 * size - 1)) <= number < 1 << (8 * size - 1):
            return struct.pack("B", code) + number.to_bytes(size, "little", signed=True)
    raise ValueError(number)


def zipmap(pairs):
    def size(data):
        short = len(data) < 254
        return struct.pack("B", len(data)) if short else b"\xfe" + struct.pack("<I", len(data))
    out = struct.pack("B", min(len(pairs), 254))
    for field, value in pairs:
        out += size(field) + field + size(value) + b"\x02" + value + b"\0\0"
    return out + b"\xff"


def intset(numbers):
    return struct.pack("<II", 8, len(numbers)) + b"".join(
        struct.pack("<q", number) for number in sorted(numbers))


def listpack(items):
    """With short strings, and integers of 7 or 64 bits: readers take any form."""
    def element(item):
        if not isinstance(item, int):
            return struct.pack("B", 0x80 | len(item)) + item + struct.pack("B", len(item) + 1)
        return struct.pack("BB", item, 1) if 0 <= item < 128 else struct.pack("<BqB", 0xf4, item, 9)

    elements = b"".join(element(item) for item in items)
    return struct.pack("<IH", 7 + len(elements), len(items)) + elements + b"\xff"


ITEMS = [b"a", b"", b"12", b"-1", b"-100", b"300", b"70000", b"-8388608", b"3000000000",
         b"-9223372036854775807", b"x" * 63, b"y" * 64, b"z" * 300, b"007"]
PAIRS = [b"one", b"1", b"two", b"22", b"three", b"v" * 60]
SCORED = [b"low", b"-5", b"mid", b"1.5", b"mid2", b"1.5", b"top", b"1e300"]


def samples():
    """Bodies by name, of types that old servers have written."""
    pairs = list(zip(PAIRS[::2], PAIRS[1::2]))
    scored = list(zip(SCORED[::2], SCORED[1::2]))
    return {
        "list": b"\x01" + texts(ITEMS),
        "set": b"\x02" + texts(ITEMS),
        "zset": b"\x03" + length(len(scored) + 1) + text(b"end") + b"\xfe" + b"".join(
            text(member) + struct.pack("B", len(score)) + score for member, score in scored),
        "hash": b"\x04" + length(len(pairs)) + b"".join(text(f) + text(v) for f, v in pairs),
        "zset-2": b"\x05" + length(len(scored)) + b"".join(
            text(member) + struct.pack("<d", float(score)) for member, score in scored),
        "hash-zipmap": b"\x09" + text(zipmap(pairs)),
        "hash-zipmap-long": b"\x09" + text(zipmap([(b"f", b"v" * 300)] + pairs)),
        "list-ziplist": b"\x0a" + text(ziplist(ITEMS)),
        "list-ziplist-long": b"\x0a" + text(ziplist(ITEMS + [b"w" * 20000])),
        "set-intset": b"\x0b" + text(intset([1, -5, 2 ** 40, 7])),
        "set-intset-long": b"\x0b" + text(intset(list(range(-300, 300)))),
        "zset-ziplist": b"\x0c" + text(ziplist(SCORED)),
        "zset-ziplist-long": b"\x0c" + text(ziplist(
            [item for i in range(200) for item in (b"m%03d" % i, b"%d" % i)])),
        "hash-ziplist": b"\x0d" + text(ziplist(PAIRS)),
        "hash-ziplist-long": b"\x0d" + text(ziplist([b"%d" % i for i in range(1200)])),
        "list-quicklist": b"\x0e" + length(3) + text(ziplist(ITEMS)) + text(ziplist([])) +
                          text(ziplist(ITEMS[:3])),
        "hash-listpack": b"\x10" + text(listpack(PAIRS)),
        "zset-listpack": b"\x11" + text(listpack(SCORED)),
        "list-quicklist-2": b"\x12" + length(3) + b"\x02" + text(listpack(PAIRS)) + b"\x01" +
                            text(b"plain" * 3000) + b"\x02" + text(listpack(SCORED)),
    }


def newer_samples():
    """The same of types that redis-server 7.0 does not know."""
    later = 4102444800000  # the year 2100
    times = [b"a", 1, later, b"b", b"x" * 30, later + 70, b"c", 5, 0]
    return {
        "set-listpack": b"\x14" + text(listpack([b"a", b"b", b"5"])),
        "hash-listpackex": b"\x19" + struct.pack("<q", later) + text(listpack(times)),
        "hash-metadata": b"\x18" + struct.pack("<q", later) + length(3) +
                         length(0) + text(b"c") + text(b"5") +
                         length(71) + text(b"b") + text(b"x" * 30) +
                         length(1) + text(b"a") + text(b"1"),
    }


def hostile():
    """Bodies that are no value, by name."""
    many = b"".join(text(b"%d" % i) for i in range(2000))
    return {
        "nothing": b"",
        "type alone": b"\x02",
        "no such type": b"\xc8\x01",
        "2^32 members": b"\x02\x80\xff\xff\xff\xff",
        "2^60 fields": b"\x04\x81\x10" + bytes(7) + text(b"f") + text(b"v"),
        "2^63 nodes": b"\x12\x81\x80" + bytes(7),
        "a string of 2^60": b"\x00\x81\x10" + bytes(7) + b"abc",
        "a bomb": b"\x00\xc3\x05\x81\x00\x00\x00\xff\xff\xff\xff\xff" + b"aaaaa",
        "a bomb of 400 MB": b"\x00\xc3\x0b\x80\x18\x00\x00\x00" + b"\x00a" + b"\xe0\xff\x00" * 3,
        "one too few": b"\x02" + length(2001) + many,
        "twice": b"\x02" + length(2001) + many + text(b"1000"),
        "a field twice": b"\x04" + length(3) + (text(b"f") + text(b"v")) * 3,
        "listpack with an odd number": b"\x10" + text(listpack([b"a", b"b", b"c"])),
        "listpack cut": b"\x10" + text(listpack(PAIRS)[:-1]),
        "fields twice": b"\x10" + text(listpack([b"a", b"b", b"a", b"c"])),
        "times not in order": b"\x19" + bytes(8) + text(listpack(
            [b"a", 1, 5000000000001, b"b", 2, 5000000000000])),
        "a time after none": b"\x19" + bytes(8) + text(listpack(
            [b"a", 1, 0, b"b", 2, 5000000000000])),
        "a time that is none": b"\x19" + bytes(8) + text(listpack([b"a", 1, b"5"])),
        "a time too far": b"\x18" + struct.pack("<q", 2 ** 48 - 1) + length(1) + length(2) +
                          text(b"a") + text(b"1"),
        "times without fields": b"\x18" + bytes(8) + length(0),
        "a timed field twice": b"\x18" + struct.pack("<q", 5) + length(2) +
                               (length(1) + text(b"a") + text(b"1")) * 2,
        "no score": b"\x11" + text(listpack([b"a", b"b"])),
        "NaN": b"\x05\x01" + text(b"m") + struct.pack("<d", float("nan")),
        "ziplist cut": b"\x0a" + text(ziplist(ITEMS)[:-5]),
        "ziplist that lies": b"\x0a" + text(b"\xff" * 20),
        "zipmap cut": b"\x09" + text(zipmap([(b"f", b"v")])[:-2]),
        "intset not in order": b"\x0b" + text(struct.pack("<IIhh", 2, 2, 5, 3)),
        "intset of no width": b"\x0b" + text(struct.pack("<IIhh", 3, 2, 3, 5)),
        "empty list": b"\x0a" + text(ziplist([])),
        "no nodes": b"\x12\x00",
        "a node of no kind": b"\x12\x01\x07" + text(listpack(PAIRS)),
        "data of a module": b"\x07\x81" + bytes(8) + b"\x00",
    }
