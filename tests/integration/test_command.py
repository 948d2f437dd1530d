"""COMMAND against redis-server: which arguments are keys, what commands are like."""

import harness
from case import Case, only_once, pollux_only
from test_slowlog import ask

# Where ours takes more than 7.0, so that the arguments or their number are others.
MORE_ARGUMENTS = {"bgsave", "hscan", "set", "xadd", "xreadgroup", "xtrim", "zinter", "zinterstore",
                  "zunion", "zunionstore", "zrank", "zrevrank"}


def facts(docs):
    """By name what COMMAND DOCS tells, but for sentences; subcommands beside the others."""
    found = {}
    for name, value in zip(docs[::2], docs[1::2]):
        doc = dict(zip(value[::2], value[1::2]))
        found.update(facts(doc.pop(b"subcommands", [])))
        arguments = without_order(doc.pop(b"arguments", []))
        if name == b"client|kill":
            arguments = None  # the argument of an address has a name of its own
        found[name] = (doc.get(b"since"), doc.get(b"group"), doc.get(b"deprecated_since"),
                       doc.get(b"replaced_by"), sorted(doc.get(b"doc_flags", [])), arguments)
    return found


def without_order(arguments):
    """An argument's flags are a set. (The text to display is ours: the name.)"""
    for argument in arguments:
        fields = dict(zip(argument[::2], argument[1::2]))
        fields.pop(b"display_text", None)
        fields[b"flags"] = sorted(fields.get(b"flags", []))
        fields[b"arguments"] = without_order(fields.get(b"arguments", []))
        argument[:] = sorted(fields.items())
    return arguments


class Command(Case):

    def both(self):
        theirs = harness.start_redis()
        self.addCleanup(theirs.stop)
        return self.start().redis(), theirs.redis()

    @pollux_only
    def test_keys_are_those_of_redis(self):
        ours, theirs = self.both()
        for words in ("zunion 0 a", "zunion 1 a", "zunion 2 a", "zunionstore d 0 a", "zdiff x a",
                      "zunionstore d 2 a b", "sintercard 0 a", "sintercard 2 a b LIMIT 0",
                      "lmpop 0 a LEFT", "blmpop 0 0 a LEFT", "blmpop 0 1 a LEFT",
                      "zmpop -1 a MIN", "bzmpop 0 99 a MIN", "spublish a b", "ssubscribe a b",
                      "sunsubscribe", "sunsubscribe a", "publish a b", "debug object a",
                      "debug sleep 0", "memory usage a", "memory doctor x", "object encoding a",
                      "object help", "xinfo stream s FULL", "xinfo help x", "get",
                      "get a b", "mset a 1 b", "mset a 1 b 2", "sort a BY b* STORE c",
                      "georadius k 1 1 1 m STORE a STOREDIST b", "xread STREAMS a b 0 0",
                      "xread STREAMS a", "xreadgroup GROUP g c STREAMS a >", "nosuch a"):
            for form in ("GETKEYS", "GETKEYSANDFLAGS"):
                request = ("COMMAND", form, *words.split())
                self.assertEqual(ask(ours, *request), ask(theirs, *request), request)

    @pollux_only
    def test_facts_are_those_of_redis(self):
        ours, theirs = self.both()
        have, want = (facts(ask(client, "COMMAND", "DOCS")) for client in (ours, theirs))
        for name, fact in want.items():
            if name not in have:
                continue  # told among what is not there yet
            if name.decode() in MORE_ARGUMENTS:
                self.assertEqual(have[name][:-1], fact[:-1], name)
            else:
                self.assertEqual(have[name], fact, name)

    @pollux_only
    @only_once
    def test_what_is_chosen_is_no_block_of_one(self):
        def blocks_of_one(arguments, choices=False):
            for argument in arguments:
                fields = dict(zip(argument[::2], argument[1::2]))
                children = fields.get(b"arguments", [])
                if choices and fields[b"type"] == b"block" and len(children) == 1:
                    yield fields[b"name"]
                yield from blocks_of_one(children, fields[b"type"] == b"oneof")

        def check(docs):
            for name, value in zip(docs[::2], docs[1::2]):
                doc = dict(zip(value[::2], value[1::2]))
                self.assertEqual(list(blocks_of_one(doc.get(b"arguments", []))), [], name)
                check(doc.get(b"subcommands", []))

        docs = ask(self.start().redis(), "COMMAND", "DOCS")
        self.assertGreater(len(docs), 400)
        check(docs)
