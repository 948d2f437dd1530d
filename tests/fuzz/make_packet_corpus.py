#!/usr/bin/python3
"""Makes the seeds of packet_fuzz and tcp_options_fuzz: frames of every kind that the TCP/IP stack
reads, built with struct and a checksum of their own, so that they are an oracle for
dataplane/tcp/wire. Writes tests/fuzz/corpus/; with --table it prints the frames as the C++ table of
dataplane/tcp/wire/golden_test_support.h instead."""

import ipaddress
import struct
import sys

from seeds import write_seeds

ROUTER_MAC = bytes.fromhex("020000000001")
HOST_MAC = bytes.fromhex("020000000002")
FOUR = ("192.0.2.1", "192.0.2.2")
SIX = ("2001:db8::1", "2001:db8::2")
NOP = b"\x01"


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def address(text):
    return ipaddress.ip_address(text).packed


def ethernet(kind, payload, tag=None, destination=HOST_MAC):
    middle = b"" if tag is None else struct.pack("!HH", 0x8100, tag)
    frame = destination + ROUTER_MAC + middle + struct.pack("!H", kind) + payload
    return frame


def padded(frame):
    """As it is received: at least 60 bytes."""
    return frame + b"\0" * max(0, 60 - len(frame))


def ipv4(protocol, payload, source=FOUR[0], destination=FOUR[1], tos=0, flags=0x4000, ident=0,
         ttl=64, options=b""):
    head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, tos,
                       20 + len(options) + len(payload), ident, flags, ttl, protocol, 0)
    head += address(source) + address(destination) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(protocol, payload, source=SIX[0], destination=SIX[1], hop_limit=64, traffic=0, label=0):
    return struct.pack("!IHBB", 6 << 28 | traffic << 20 | label, len(payload), protocol,
                       hop_limit) + address(source) + address(destination) + payload


def with_checksum(message, at, source, destination, protocol):
    pseudo = address(source) + address(destination)
    pseudo += struct.pack("!HH" if len(pseudo) == 8 else "!II", protocol, len(message))
    return message[:at] + struct.pack("!H", checksum(pseudo + message)) + message[at + 2:]


def tcp(flags, options=b"", payload=b"", ends=FOUR, ports=(51000, 6379), seq=0x01020304,
        ack=0x0a0b0c0d, window=502, urgent=0):
    assert len(options) % 4 == 0
    segment = struct.pack("!HHIIHHHH", *ports, seq, ack, (5 + len(options) // 4) << 12 | flags,
                          window, 0, urgent) + options + payload
    return with_checksum(segment, 16, *ends, 6)


def icmp4(kind, code, rest, body):
    message = struct.pack("!BBH", kind, code, 0) + rest + body
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def icmp6(kind, code, rest, ends=SIX):
    return with_checksum(struct.pack("!BBH", kind, code, 0) + rest, 2, *ends, 58)


def mss(value):
    return struct.pack("!BBH", 2, 4, value)


def timestamps(value, echo):
    return struct.pack("!BBII", 8, 10, value, echo)


def sack(*blocks):
    return struct.pack("!BB", 5, 2 + 8 * len(blocks)) + b"".join(
        struct.pack("!II", *block) for block in blocks)


SACK_PERMITTED = b"\x04\x02"
SCALE = b"\x03\x03\x07"
TS = NOP * 2 + timestamps(1000, 2000)
PING = b"*1\r\n$4\r\nPING\r\n"
SYN_OPTIONS = mss(1460) + SACK_PERMITTED + timestamps(1000, 0) + NOP + SCALE
BLOCKS = ((0xfffffff0, 16), (100, 200), (300, 400), (500, 600))


def extension(following, options):
    """Hop-by-hop or destination options, padded with PadN."""
    rest = -(2 + len(options)) % 8
    pad = b"" if rest == 0 else b"\0" if rest == 1 else bytes([1, rest - 2]) + bytes(rest - 2)
    return bytes([following, (2 + len(options) + len(pad)) // 8 - 1]) + options + pad


def piece(following, offset, more, ident=0xabcdef01):
    return struct.pack("!BBHI", following, 0, offset | more, ident)


def segments():
    six = {"ends": SIX}
    chain = (extension(43, b"\x05\x02\0\0") + bytes([60, 2, 0, 0]) + bytes(20) +
             extension(44, b"") + piece(6, 0, 0))
    return {
        "tcp4_syn": ethernet(0x0800, ipv4(6, tcp(0x0c2, SYN_OPTIONS, ack=0, window=64240))),
        "tcp4_syn_ack_accurate_ecn": ethernet(0x0800, ipv4(6, tcp(0x152, SYN_OPTIONS))),
        "tcp4_data": ethernet(0x0800, ipv4(6, tcp(0x018, TS, PING), tos=0x2a)),
        "tcp4_ack_padded": padded(ethernet(0x0800, ipv4(6, tcp(0x010), ident=7, ttl=1))),
        "tcp4_sack_three": ethernet(0x0800, ipv4(6, tcp(
            0x010, TS + NOP * 2 + sack(*BLOCKS[:3])))),
        "tcp4_sack_four": ethernet(0x0800, ipv4(6, tcp(0x010, NOP * 2 + sack(*BLOCKS)))),
        "tcp4_reset": padded(ethernet(0x0800, ipv4(6, tcp(0x004)))),
        "tcp4_fin_urgent": padded(ethernet(0x0800, ipv4(6, tcp(0x039, urgent=1, payload=b"!")))),
        "tcp4_ip_options": ethernet(0x0800, ipv4(6, tcp(0x018, TS, b"odd"),
                                                 options=b"\x94\x04\0\0")),
        "tcp4_vlan": ethernet(0x0800, ipv4(6, tcp(0x018, TS, PING)), tag=0x6064),
        "tcp6_data": ethernet(0x86dd, ipv6(6, tcp(0x018, TS, PING, **six), traffic=0x03,
                                           label=0x12345)),
        "tcp6_vlan_ack": ethernet(0x86dd, ipv6(6, tcp(0x010, **six)), tag=0x0001),
        "tcp6_extensions": ethernet(0x86dd, ipv6(0, chain + tcp(0x018, b"", b"x", **six))),
    }


def errors():
    quoted4 = ipv4(6, tcp(0x018, TS, PING, ends=FOUR[::-1], ports=(6379, 51000)),
                   source=FOUR[1], destination=FOUR[0])
    quoted6 = ipv6(6, tcp(0x018, TS, PING, ends=SIX[::-1], ports=(6379, 51000)), source=SIX[1],
                   destination=SIX[0])
    echo = struct.pack("!HH", 0x1234, 5)
    none = bytes(4)
    return {
        "icmp4_echo": ethernet(0x0800, ipv4(1, icmp4(8, 0, echo, b"abcdefghi"))),
        "icmp4_frag_needed": ethernet(0x0800, ipv4(1, icmp4(3, 4, struct.pack("!HH", 0, 1400),
                                                            quoted4[:28]))),
        "icmp4_port_unreachable": ethernet(0x0800, ipv4(1, icmp4(3, 3, none, quoted4))),
        "icmp4_time_exceeded": ethernet(0x0800, ipv4(1, icmp4(11, 0, none, quoted4[:28]))),
        "icmp4_parameter_problem": ethernet(0x0800, ipv4(1, icmp4(12, 0, b"\x14\0\0\0",
                                                                  quoted4[:28]))),
        "icmp6_echo": ethernet(0x86dd, ipv6(58, icmp6(128, 0, echo + b"abcdefghi"))),
        "icmp6_too_big": ethernet(0x86dd, ipv6(58, icmp6(2, 0, struct.pack("!I", 1280) +
                                                         quoted6))),
        "icmp6_unreachable": ethernet(0x86dd, ipv6(58, icmp6(1, 4, none + quoted6[:48]))),
        "icmp6_time_exceeded": ethernet(0x86dd, ipv6(58, icmp6(3, 0, none + quoted6))),
        "icmp6_parameter_problem": ethernet(0x86dd, ipv6(58, icmp6(4, 1, struct.pack("!I", 6) +
                                                                   quoted6))),
    }


def neighbors():
    solicited = "ff02::1:ff00:2"
    link = b"\x01\x01" + ROUTER_MAC
    target = b"\x02\x01" + ROUTER_MAC
    mtu = b"\x05\x01\0\0" + struct.pack("!I", 9000)
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 86400, 14400, 0) + address("2001:db8::")

    def message(kind, rest, source, destination):
        ends = (source, destination)
        return ipv6(58, icmp6(kind, 0, rest, ends), *ends, hop_limit=255)
    return {
        "arp_request": padded(ethernet(0x0806, struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) +
                                       ROUTER_MAC + address(FOUR[0]) + bytes(6) +
                                       address(FOUR[1]), destination=b"\xff" * 6)),
        "arp_reply": padded(ethernet(0x0806, struct.pack("!HHBBH", 1, 0x800, 6, 4, 2) +
                                     ROUTER_MAC + address(FOUR[0]) + HOST_MAC +
                                     address(FOUR[1]))),
        "ndp_neighbor_solicitation": ethernet(0x86dd, message(
            135, bytes(4) + address(SIX[1]) + link, SIX[0], solicited)),
        "ndp_address_probe": ethernet(0x86dd, message(
            135, bytes(4) + address(SIX[1]), "::", solicited)),
        "ndp_neighbor_advertisement": ethernet(0x86dd, message(
            136, b"\xe0\0\0\0" + address(SIX[0]) + target, SIX[0], SIX[1])),
        "ndp_router_solicitation": ethernet(0x86dd, message(
            133, bytes(4) + link, "fe80::1", "ff02::2")),
        "ndp_router_advertisement": ethernet(0x86dd, message(
            134, struct.pack("!BBHII", 64, 0x80, 1800, 30000, 1000) + link + mtu + prefix,
            "fe80::1", "ff02::1")),
    }


def others():
    half = tcp(0x018, TS, PING)
    return {
        "fragment4_first": ethernet(0x0800, ipv4(6, half[:32], flags=0x2000, ident=9)),
        "fragment4_last": padded(ethernet(0x0800, ipv4(6, half[32:], flags=0x0004, ident=9))),
        "fragment6_first": ethernet(0x86dd, ipv6(44, piece(6, 0, 1) + half[:32])),
        "fragment6_last": ethernet(0x86dd, ipv6(44, piece(6, 32, 0) + half[32:])),
        "other_udp4": ethernet(0x0800, ipv4(17, struct.pack("!HHHH", 53, 5353, 12, 0) + b"udp!")),
        "other_no_next_header6": ethernet(0x86dd, ipv6(59, b"")),
        "other_lldp": padded(ethernet(0x88cc, b"\x02\x07\x04")),
        "other_two_tags": ethernet(0x8100, b"\0\x05\x08\0" + ipv4(6, half), tag=6),
    }


def option_lists():
    return {
        "syn": SYN_OPTIONS, "timestamps": TS, "sack_four": NOP * 2 + sack(*BLOCKS),
        "sack_three": TS + NOP * 2 + sack(*BLOCKS[:3]), "empty": b"",
        "fast_open": mss(536) + b"\x22\x0a" + bytes(8), "end": mss(88) + b"\0" + SCALE,
        "length_zero": mss(1460) + b"\x03\x00", "length_beyond": SACK_PERMITTED + b"\x08\x0a\0",
        "wrong_lengths": b"\x02\x03\x01" + b"\x03\x04\x01\x01" + b"\x04\x03\x01" + SCALE,
        "scale_over": b"\x03\x03\xff", "kind_alone": NOP * 3 + b"\x08",
    }


def main():
    frames = {**segments(), **errors(), **neighbors(), **others()}
    if sys.argv[1:] == ["--table"]:
        for name, frame in frames.items():
            text = frame.hex()
            lines = [text[i:i + 88] for i in range(0, len(text), 88)]
            print('    {"%s",\n%s},' % (name, "\n".join('     "%s"' % line for line in lines)))
        return
    write_seeds("packet_fuzz", frames, b"")
    write_seeds("tcp_options_fuzz", option_lists(), b"")


if __name__ == "__main__":
    main()
