"""A disk whose power can be cut: an ext4 file system in a file, by a loop device.

A kill leaves what the kernel has yet to write; here it is lost. cut() copies the file as it is,
without what only the page cache of the file system has, and mounts the copy: what is there then is
what was synced (and whatever the kernel has written by itself). Root's alone."""

import os
import shutil
import subprocess
import tempfile
import time


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if result.returncode != 0:
        raise OSError("%s: %s" % (" ".join(command), result.stderr.strip()))
    return result.stdout.strip()


class PowerDisk:
    """Mounted at self.directory."""

    # Clients of a slow host fill 48 MB in the five seconds that it may take until the power is cut.
    BYTES = 192 << 20

    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="pollux-power-")
        self.directory = os.path.join(self.home, "mounted")
        self.image = os.path.join(self.home, "0.image")
        self.cuts = 0
        self.device = None
        os.mkdir(self.directory)
        try:
            with open(self.image, "wb") as f:
                f.truncate(self.BYTES)
            run("mkfs.ext4", "-q", "-J", "size=4", "-E", "lazy_itable_init=0", self.image)
            self.mount()
        except (OSError, subprocess.TimeoutExpired):
            self.close()
            raise

    def mount(self):
        # commit: the kernel is not to sync by itself what we have forgotten.
        self.device = run("losetup", "--find", "--show", self.image)
        run("mount", "-o", "commit=900,noauto_da_alloc", self.device, self.directory)

    def unmount(self):
        deadline = time.monotonic() + 10
        while os.path.ismount(self.directory):
            try:
                run("umount", self.directory)
            except OSError:  # the kernel's threads may still close what the process had open
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        if self.device:
            run("losetup", "--detach", self.device)
            self.device = None

    def written(self):
        """Sectors that have been written to the device."""
        with open("/sys/block/%s/stat" % os.path.basename(self.device), encoding="ascii") as f:
            fields = f.read().split()
        return fields[6], fields[8]  # and what is under way

    def cut(self):
        """Nobody uses it any more."""
        self.cuts += 1
        copy = os.path.join(self.home, "%d.image" % self.cuts)
        while True:  # the kernel may be writing
            before = self.written()
            run("cp", "--sparse=auto", self.image, copy)
            if self.written() == before and before[1] == "0":
                break
            time.sleep(0.01)
        self.unmount()
        os.unlink(self.image)
        self.image = copy
        self.mount()

    def close(self):
        try:
            self.unmount()
        except OSError:
            subprocess.run(["umount", "-l", self.directory], check=False, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)
