"""deny.py CALL ERRNO COMMAND...: runs COMMAND with one system call refused by a seccomp filter, as
a container or a sandbox may do. With "kill" for ERRNO the call is the end of the process."""

import ctypes
import os
import struct
import sys

# x86-64
CALLS = {"clone3": 435, "eventfd2": 290, "fallocate": 285, "fdatasync": 75, "io_uring_enter": 426,
         "io_uring_register": 427, "io_uring_setup": 425, "signalfd4": 289}

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO, _KILL = 0x7fff0000, 0x00050000, 0x80000000


def deny(call, error):
    libc = ctypes.CDLL(None, use_errno=True)
    program = b"".join(struct.pack("HBBI", *line) for line in (
        (_LOAD_WORD, 0, 0, 0),  # the number of the call
        (_JUMP_IF_EQUAL, 0, 1, CALLS[call]),
        (_RETURN, 0, 0, _KILL if error == "kill" else _ERRNO | int(error)),
        (_RETURN, 0, 0, _ALLOW)))
    lines = ctypes.create_string_buffer(program)
    filter_ = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(lines)))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or libc.prctl(
            _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_)) != 0:
        sys.exit("seccomp: " + os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    deny(sys.argv[1], sys.argv[2])
    os.execv(sys.argv[3], sys.argv[3:])
