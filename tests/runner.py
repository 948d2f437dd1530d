#!/usr/bin/python3
"""Builds and runs the test suites of ./tests/run, and counts single tests.

One line a suite; the output of everything in build/logs; the tail of a log where something failed.
At the end the names of all that failed, and as the last line "N passed, N failed" (", N skipped" if
there are any); status 1 if any failed.
"""

import argparse
import glob
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import xml.etree.ElementTree as ET

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build")
LOGS = os.path.join(BUILD, "logs")
JOBS = str(min(os.cpu_count() or 2, 8))
PROCESSES = str(max(int(JOBS) // 2, 1))  # of meson's tests, beside another suite
CLANG = "clang++-14"
TAIL_LINES = 60

# Command lines of meson for each build directory.
SANITIZED = ["-Doptimization=1", "-Ddebug=false", "-Db_lundef=false", "-Dtests=enabled",
             "-Dperf=disabled"]
BUILDS = {
    "release": ["--buildtype=release", "-Dtests=enabled", "-Dperf=enabled"],
    "asan": [*SANITIZED, "-Db_sanitize=address,undefined", "-Dfuzz=true"],
    "tsan": [*SANITIZED, "-Db_sanitize=thread"],
}
# Sanitizers are clang's: its build takes half of GCC's time, and the tests in it a third (unit
# tests under AddressSanitizer 145 s instead of 667 s); and the code has met a second compiler.
BUILD_ENV = {
    # Coverage feedback in every library that a fuzz target is linked with.
    "asan": {"CXX": CLANG, "CXXFLAGS": "-gline-tables-only -fsanitize=fuzzer-no-link"},
    "tsan": {"CXX": CLANG, "CXXFLAGS": "-gline-tables-only"},
}
# Tests of meson by name. Those that play by seed, whole servers above all.
PLAYS = ("snapshot", "storage", "engine", "engines", "sim_linear", "sim_story", "sim_stepped",
         "sim_crash", "sim_stack", "sim_whole")
# Those with threads.
LIVE = ("base", "storage_threads", "engine_threads", "engines_threads", "kernel", "sim",
        "sim_threads", "load")
# Those that others know the code of: AddressSanitizer meets it in plays that run in steps, and in
# the stack's own tests.
UNSANITIZED = ("sim_threads", "tcp_linux")
# Of a build directory the tests that are run; None: all but UNSANITIZED, so that a test is in it
# by being there. ThreadSanitizer has something to find only where there are threads. The release
# build has what plays, eight times as much as the others, what has threads, and what is nowhere
# else; that everything else passes there, too, `meson test` sees.
TESTS = {"release": (*PLAYS, *LIVE, "tcp_linux"), "asan": None, "tsan": LIVE}
# What ThreadSanitizer need not see: plays of storage on a disk in memory, in one thread.
ONE_THREAD = "-RdbSaver.*"
SYMBOLIZER = ":external_symbolizer_path=" + (shutil.which("llvm-symbolizer-14") or "")
SANITIZER_ENV = {
    "ASAN_OPTIONS": "abort_on_error=0:detect_stack_use_after_return=1" + SYMBOLIZER,
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1" + SYMBOLIZER,
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1" + SYMBOLIZER,
}


class Count:
    """Results of single tests, and the names of those that failed."""

    def __init__(self, passed=0, failed=0, skipped=0, names=()):
        self.passed, self.failed, self.skipped = passed, failed, skipped
        self.names = list(names)

    @staticmethod
    def one(passed, name):
        """The result of the test `name`."""
        return Count(passed=1) if passed else Count(failed=1, names=[name])

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.names += other.names

    def __str__(self):
        text = "%d passed, %d failed" % (self.passed, self.failed)
        return text + (", %d skipped" % self.skipped if self.skipped else "")


def run_logged(name, command, seconds=1800, env=None, cwd=ROOT):
    """Runs a command with its output in build/logs/NAME.log; its status (None: took too long)."""
    path = os.path.join(LOGS, name + ".log")
    with open(path, "ab") as log:
        log.write(("$ %s\n" % " ".join(command)).encode())
        log.flush()
        if STOPPING:
            return None
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=cwd,
                                   stdin=subprocess.DEVNULL, start_new_session=True,
                                   env=dict(os.environ, **(env or {})))
        CHILDREN.append(process)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            log.write(b"took too long\n")
            return None
        finally:
            end_group(process)
            if process in CHILDREN:
                CHILDREN.remove(process)


CHILDREN = []
STOPPING = False  # no more children


def end_group(process):
    """Ends a command of ours, and what it may have left in its process group. It is asked first:
    meson gives its tests groups of their own, and only it knows them."""
    try:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(5)
    except (OSError, subprocess.TimeoutExpired):
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass
    process.wait()


def ends_of(name):
    """The last lines of a log."""
    with open(os.path.join(LOGS, name + ".log"), encoding="utf-8", errors="replace") as f:
        return f.read().splitlines()[-TAIL_LINES:]


def tail(name):
    print("---- end of build/logs/%s.log" % name)
    print("\n".join(ends_of(name)))
    print("----", flush=True)


def start_log(name):
    os.makedirs(LOGS, exist_ok=True)
    open(os.path.join(LOGS, name + ".log"), "wb").close()


def tests_of(kind):
    """Of a build directory that is configured, the tests that are run: names, and programs."""
    directory = os.path.join(BUILD, kind)
    listed = subprocess.run(["meson", "introspect", "--tests", directory], check=True,
                            stdout=subprocess.PIPE).stdout
    programs = {test["name"]: os.path.relpath(test["cmd"][0], directory)
                for test in json.loads(listed)}
    names = TESTS[kind] or [name for name in programs if name not in UNSANITIZED]
    return {name: programs[name] for name in names}


def build(kind):
    """Configures build/KIND and builds of it what its suites need; True if it worked."""
    directory = os.path.join(BUILD, kind)
    log = "build-" + kind
    start_log(log)
    started = time.monotonic()
    options = BUILDS[kind]
    if os.path.exists(os.path.join(directory, "build.ninja")):
        settings = [o.replace("--buildtype=", "-Dbuildtype=") for o in options]
        status = run_logged(log, ["meson", "configure", directory, *settings])
    else:
        status = run_logged(log, ["meson", "setup", directory, ROOT, *options],
                            env=BUILD_ENV.get(kind))
    if status == 0:
        status = run_logged(log, ["ninja", "-C", directory, "-j", JOBS, *targets(kind)])
    print("  build/%s %s in %.0f s" % (kind, "built" if status == 0 else "NOT BUILT",
                                       time.monotonic() - started), flush=True)
    if status != 0:
        tail(log)
    return status == 0


BUILT = {}  # build directories of this run, and whether that worked


def count_gtest(path):
    """Single tests in one result file of GoogleTest."""
    count = Count()
    for case in ET.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None:
            count.add(Count.one(False, "%s.%s" % (case.get("classname"), case.get("name"))))
        elif case.get("result") in ("skipped", "suppressed") or case.get("status") == "notrun":
            count.skipped += 1
        else:
            count.passed += 1
    return count


def meson_tests(kind, suite):
    """The tests of a build directory; programs of GoogleTest count by their single tests."""
    results = os.path.join(LOGS, "gtest-" + kind)
    shutil.rmtree(results, ignore_errors=True)
    os.makedirs(results)
    command = ["meson", "test", "-C", os.path.join(BUILD, kind), "--no-rebuild",
               "--num-processes", PROCESSES, "--print-errorlogs"]
    if kind == "asan":
        command += ["--timeout-multiplier", "4"]
    if kind == "tsan":
        # ThreadSanitizer wants its shadow memory where address randomization may put a library.
        command = ["setarch", "-R", *command, "--timeout-multiplier", "6"]
    command += tests_of(kind)
    env = dict(SANITIZER_ENV, GTEST_OUTPUT="xml:%s/" % results)
    if kind == "tsan":
        env["GTEST_FILTER"] = ONE_THREAD
    testlog = os.path.join(BUILD, kind, "meson-logs", "testlog.json")
    if os.path.exists(testlog):
        os.unlink(testlog)
    run_logged(suite, command, env=env)
    count = Count()
    if not os.path.exists(testlog):
        return Count.one(False, "meson itself")
    with open(testlog) as f:
        for line in f:
            test = json.loads(line)
            program = os.path.basename(test["command"][-1])
            program = next((os.path.basename(c) for c in test["command"] if c.startswith(BUILD)),
                           program)
            files = glob.glob(os.path.join(results, program + ".xml"))
            files += glob.glob(os.path.join(results, program + "_[0-9]*.xml"))
            single = Count()
            for path in files:
                single.add(count_gtest(path))
                os.unlink(path)
            if test["result"] == "SKIP":
                single.skipped += 0 if files else 1
            elif test["result"] in ("OK", "EXPECTEDFAIL"):
                single.passed += 0 if files else 1
            elif single.failed == 0:
                # Crashed, or took too long, before it could say.
                single.add(Count.one(False, "%s (%s)" % (program, test["result"])))
            count.add(single)
    return count


def counted_script(suite, command, seconds, env=None):
    """A script of ours whose last line is its count."""
    status = run_logged(suite, command, seconds, env)
    with open(os.path.join(LOGS, suite + ".log"), encoding="utf-8", errors="replace") as f:
        text = f.read()
    found = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", text, re.M)
    if not found:
        return Count.one(False, "no count (status %s)" % status)
    passed, failed, skipped = (int(n or 0) for n in found[-1])
    names = re.findall(r"^FAILED +(.+?)(?: \([\d.]+ s\))?$", text, re.M)  # at once, and at the end
    return Count(passed, failed or (1 if status != 0 else 0), skipped, dict.fromkeys(names))


def server(kind):
    return os.path.join(BUILD, kind, "pollux-server")


def integration_script(*arguments):
    return [os.path.join(ROOT, "tests", "integration", "run"), "-v", *arguments]


# The suites. Each finds what it needs built.

def tidy():
    count = Count()
    for check in sorted(glob.glob(os.path.join(ROOT, "tests", "tidy", "*.py"))):
        if os.path.basename(check) != "source.py":
            status = run_logged("tidy", ["/usr/bin/python3", check, ROOT])
            count.add(Count.one(status == 0, os.path.basename(check)))
    return count


def unit():
    return meson_tests("release", "unit")


def integration_1():
    return counted_script("integration_1", integration_script(
        "--server", server("release"), "--workers", "1"), 1200)


def integration_4():
    """What depends on the number of workers; the loads at full length are integration_1's."""
    return counted_script("integration_4", integration_script(
        "--server", server("release"), "--workers", "4", "--again", "--quick"), 1200)


def differential():
    script = os.path.join(ROOT, "tests", "differential", "run")
    return counted_script("differential", [script, "--commands", "1000000", "--shrink",
                                           "--events", "1"], 900)


def crash():
    """A server that is killed; where that can be, one whose power is cut, and one whose syncs are
    traced."""
    count = Count()
    for script, *arguments in (("kills", "--kills", "30"), ("kills", "--kills", "15", "--power"),
                               ("sync_trace", "--seconds", "0.5")):
        script = os.path.join(ROOT, "tests", "crash", script)
        count.add(counted_script("crash", [script, "--server", server("release"), *arguments], 300))
    return count


# All but these, which build a million elements first or only wait.
SOME_BENCHMARKS = "-millions:|1000000|TurnClockNoise"


# Of perf/micro what has options of its own, and few of all.
OTHER_BENCHMARKS = {"cross_core": ["--seconds", "0.05", "--rounds", "1", "--keys", "1000",
                                   "--clients", "64"]}


def micro():
    """Micro benchmarks once, to see that they run."""
    count = Count()
    for name in benchmarks():
        program = os.path.join(BUILD, "release", "perf", "micro_" + name)
        options = OTHER_BENCHMARKS.get(name, ["--benchmark_min_time=0.001",
                                              "--benchmark_filter=" + SOME_BENCHMARKS])
        status = run_logged("micro", [program, *options], 120)
        count.add(Count.one(status == 0, name))
    return count


def fuzz():
    """Each target for a short while, on its corpus if it has one. What libFuzzer says (it is much)
    is kept in a log of each target; in the suite's are the ends of those that failed."""
    count = Count()
    seconds = int(os.environ.get("POLLUX_FUZZ_SECONDS", "6"))
    for name in fuzz_targets():
        grown = os.path.join(BUILD, "asan", "corpus", name)
        os.makedirs(grown, exist_ok=True)
        corpora = [grown]
        seeds = os.path.join(ROOT, "tests", "fuzz", "corpus", name)
        if os.path.isdir(seeds):
            corpora.append(seeds)
        start_log(name)
        status = run_logged(name, [os.path.join(BUILD, "asan", "tests", name),
                                   "-max_total_time=%d" % seconds, "-timeout=10",
                                   "-artifact_prefix=%s/" % LOGS, *corpora],
                            seconds + 112, SANITIZER_ENV)
        count.add(Count.one(status == 0, name))
        with open(os.path.join(LOGS, "fuzz.log"), "a", encoding="utf-8") as log:
            log.write("%s: %s\n" % (name, "ok" if status == 0 else "FAILED, %s" % status))
            log.write("" if status == 0 else "\n".join(ends_of(name)) + "\n")
    return count


def asan():
    return meson_tests("asan", "asan")


def tsan():
    return meson_tests("tsan", "tsan")


def sanitized_integration(kind):
    wrapper = ["setarch", "-R"] if kind == "tsan" else []
    return counted_script(
        kind + "_integration",
        wrapper + integration_script("--server", server(kind), "--workers", "4", "--quick"),
        900, dict(SANITIZER_ENV, POLLUX_TEST_SANITIZER=kind))


def asan_integration():
    return sanitized_integration("asan")


def tsan_integration():
    return sanitized_integration("tsan")


def fuzz_targets():
    sources = sorted(glob.glob(os.path.join(ROOT, "tests", "fuzz", "*_fuzz.cc")))
    return [os.path.basename(path)[:-len(".cc")] for path in sources]


# Stages, one after the other. A stage builds what its suites need, with all cores; then three lanes
# side by side take one suite after the other: most keep one core busy and no more, and integration
# waits in a third of its time. The dearest come first. With each suite stands the build directory
# that it needs.
LANES = 3
STAGES = [
    [(integration_4, "release"), (unit, "release"), (integration_1, "release"), (micro, "release"),
     (differential, "release"), (tidy, None), (crash, "release")],
    [(asan, "asan"), (asan_integration, "asan"), (tsan_integration, "tsan"), (fuzz, "asan"),
     (tsan, "tsan")],
]
SUITES = [suite.__name__ for stage in STAGES for suite, _ in stage]


def targets(kind):
    """What is built of a build directory."""
    programs = ["pollux-server", "tests/aof_files/aof_files_tool", "tests/rdb_file/rdb_file_tool",
                "tests/wire_client/wire_client"]
    if kind == "asan":
        programs += ["tests/" + name for name in fuzz_targets()]
    if kind == "release":
        programs += ["pollux-echo", "perf/load/pollux-bench", "tests/differential/differ"]
        programs += ["perf/micro_" + name for name in benchmarks()]
    return [*tests_of(kind).values(), *programs]


def benchmarks():
    sources = glob.glob(os.path.join(ROOT, "perf", "micro", "*_bench.cc"))
    names = [os.path.basename(path)[:-len("_bench.cc")] for path in sources]
    return sorted(names + list(OTHER_BENCHMARKS))


def run_suite(suite, kind):
    """Runs one suite, and says what came of it; its count."""
    name = suite.__name__
    start_log(name)
    started = time.monotonic()
    count = Count.one(False, "not built")
    if kind is None or BUILT[kind]:
        try:
            count = suite()
        except Exception:  # pylint: disable=broad-except  # a suite that can't run has failed
            traceback.print_exc()
            count = Count.one(False, "could not run")
    count.names = ["%s: %s" % (name, failed) for failed in count.names]
    with PRINTING:
        print("%-16s %s (%.0f s)" % (name, count, time.monotonic() - started), flush=True)
        if count.failed:
            tail(name)
    return count


PRINTING = threading.Lock()


def run_stage(stage):
    """Runs its suites in lanes; the count of all. A suite without a count has failed, whatever
    became of its lane."""
    waiting = queue.SimpleQueue()
    for number in range(len(stage)):
        waiting.put(number)
    counts = [Count.one(False, "%s did not end" % suite.__name__) for suite, _ in stage]

    def run_lane():
        try:
            while True:
                number = waiting.get_nowait()
                counts[number] = run_suite(*stage[number])
        except queue.Empty:
            pass

    lanes = [threading.Thread(target=run_lane) for _ in range(LANES)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    total = Count()
    for count in counts:
        total.add(count)
    return total


def on_signal(number, _):
    global STOPPING
    STOPPING = True
    while CHILDREN:
        end_group(CHILDREN.pop())
    os._exit(128 + number)


def main():
    parser = argparse.ArgumentParser(prog="./tests/run", description=__doc__)
    parser.add_argument("--only", action="append", choices=SUITES, help="run this suite only")
    parser.add_argument("--list", action="store_true", help="name the suites")
    args = parser.parse_args()
    if args.list:
        print("\n".join(SUITES))
        return 0
    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    os.makedirs(LOGS, exist_ok=True)
    total = Count()
    for stage in STAGES:
        stage = [(suite, kind) for suite, kind in stage
                 if not args.only or suite.__name__ in args.only]
        for kind in dict.fromkeys(kind for _, kind in stage if kind):
            BUILT[kind] = build(kind)
        total.add(run_stage(stage))
    for failed in total.names:
        print("failed: " + failed)
    print(total)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
