#include "storage/aof_manifest.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace pollux {
namespace {

std::optional<AofManifest> parse(std::string_view text) {
  std::string error;
  auto manifest = parse_aof_manifest(text, "d/m", error);
  EXPECT_EQ(manifest.has_value(), error.empty()) << error;
  return manifest;
}

std::string error_of(std::string_view text) {
  std::string error;
  EXPECT_FALSE(parse_aof_manifest(text, "d/m", error)) << text;
  return error;
}

TEST(AofManifest, ReadsWhatRedisWrites) {
  const std::string text =
      "file appendonly.aof.2.base.rdb seq 2 type b\n"
      "file appendonly.aof.1.base.rdb seq 1 type h\n"
      "file appendonly.aof.1.incr.aof seq 1 type h\n"
      "file appendonly.aof.2.incr.aof seq 2 type i\n"
      "file appendonly.aof.3.incr.aof seq 3 type i\n";
  const auto manifest = parse(text);
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->base, (AofManifest::File{"appendonly.aof.2.base.rdb", 2}));
  ASSERT_EQ(manifest->history.size(), 2U);
  EXPECT_EQ(manifest->history[1], (AofManifest::File{"appendonly.aof.1.incr.aof", 1}));
  ASSERT_EQ(manifest->incr.size(), 2U);
  EXPECT_EQ(manifest->incr[1], (AofManifest::File{"appendonly.aof.3.incr.aof", 3}));
  EXPECT_EQ(format_aof_manifest(*manifest), text);
}

TEST(AofManifest, ReadsWhatOthersMayHaveWritten) {
  const auto manifest = parse(
      "# a comment\n"
      "  FILE 'a b' Seq 3\ttype i startoffset 5 endoffset 9 \r\n"
      "#\n"
      "type i seq 4 file \"\\x41\\\"\"\n"
      "seq 4 seq 7 file x file c type b type i\n");
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->incr, (std::vector<AofManifest::File>{{"a b", 3}, {"A\"", 4}, {"c", 7}}));
}

TEST(AofManifest, WithoutFilesItIsAComment) {
  const std::string text = format_aof_manifest({});
  EXPECT_TRUE(text.starts_with("#"));
  EXPECT_EQ(parse(text), AofManifest());
  EXPECT_FALSE(AofManifest().has_data());
}

TEST(AofManifest, StrangeNamesComeBack) {
  for (const std::string name : {"a b", "a'b", "\"", "a\nb", "\xff\x01", "#a", "~"}) {
    const AofManifest manifest = {.base = AofManifest::File{name, 1}, .history = {}, .incr = {}};
    EXPECT_EQ(parse(format_aof_manifest(manifest)), manifest) << name;
  }
  EXPECT_EQ(
      format_aof_manifest({.base = AofManifest::File{"a \xc3", 1}, .history = {}, .incr = {}}),
      "file \"a \\xc3\" seq 1 type b\n");
}

TEST(AofManifest, RefusesWithFileLineAndWhatToDo) {
  struct Row {
    std::string text;
    std::string_view what;
  };
  const std::string good = "file g seq 1 type i\n";
  const Row rows[] = {
      {"", "d/m: it is empty."},
      {good + "\n", "d/m, line 2: the line is empty. A line has the form: file NAME"},
      {"file a seq 1 type b", "d/m, line 1: the line has no end: the manifest was cut off."},
      {std::string("file a seq 1 ty\0\0\0\0", 19), "d/m, line 1: the line has no end"},
      {"#" + std::string(1024, 'x') + "\n", "d/m, line 1: the line is longer than 1024 bytes"},
      {std::string(2000, 'x'), "d/m, line 1: the line is longer than 1024 bytes"},
      {"file a seq 1\n", "d/m, line 1: \"file a seq 1\" can't be understood. A line has the form"},
      {"file a seq 1 type b x\n", "d/m, line 1: \"file a seq 1 type b x\" can't be understood"},
      {"file \"a seq 1 type b\n", "d/m, line 1: \"file \"a seq 1 type b\" can't be understood"},
      {" # a\n", "d/m, line 1: \"# a\" can't be understood"},
      {"seq 1 type i a b\n", "d/m, line 1: \"\" is no name of a file"},
      {"file a/b seq 1 type b\n",
       "d/m, line 1: \"a/b\" is no name of a file. It must stand in the"},
      {"file a\\\\b seq 1 type b\n", "d/m, line 1: \"a\\\\b\" is no name of a file"},
      {"file .. seq 1 type b\n", "d/m, line 1: \"..\" is no name of a file"},
      {"file \"a\\x00\" seq 1 type b\n", "d/m, line 1: \"a.\" is no name of a file"},
      {"file a seq 0 type b\n", "d/m, line 1: the seq of \"a\" is no number from 1 on"},
      {"file a seq -1 type b\n", "d/m, line 1: the seq of \"a\" is no number"},
      {"file a seq 1x type b\n", "d/m, line 1: the seq of \"a\" is no number"},
      {"file a seq 9999999999999999999 type b\n", "d/m, line 1: the seq of \"a\" is no number"},
      {"file a seq 1 a b\n", "d/m, line 1: \"file a seq 1 a b\" says no type"},
      {"file a seq 1 type x\n", "d/m, line 1: the type of \"a\" is not known"},
      {"file a seq 1 type base\n", "d/m, line 1: the type of \"a\" is not known"},
      {"file a seq 1 type b\nfile b seq 2 type b\n",
       "d/m, line 2: \"b\" is a second base beside \"a\""},
      {good + "file b seq 1 type i\n", "d/m, line 2: the seq of \"b\" is not higher"},
      {good + "file g seq 2 type h\n", "d/m, line 2: \"g\" stands twice"},
  };
  for (const Row& row : rows) {
    const std::string error = error_of(row.text);
    EXPECT_TRUE(error.starts_with(row.what)) << error;
    EXPECT_TRUE(error.ends_with("keep a copy of the whole directory before.")) << error;
  }
}

TEST(AofManifest, NamesFilesAsRedisDoes) {
  const AofNames names;
  EXPECT_EQ(names.base(3, true), "appendonly.aof.3.base.rdb");
  EXPECT_EQ(names.base(3, false), "appendonly.aof.3.base.aof");
  EXPECT_EQ(names.incr(12), "appendonly.aof.12.incr.aof");
  EXPECT_EQ(names.path(names.manifest()), "appendonlydir/appendonly.aof.manifest");
  EXPECT_EQ(names.temp_manifest(), "temp-appendonly.aof.manifest");
  EXPECT_TRUE(names.is_numbered("appendonly.aof.3.base.rdb"));
  EXPECT_TRUE(names.is_numbered("appendonly.aof.12.incr.aof"));
  for (const std::string_view name :
       {"appendonly.aof", "appendonly.aof.manifest", "appendonly.aof..incr.aof",
        "appendonly.aof.1.incr", "other.aof.1.incr.aof", "appendonly.aof.12"}) {
    EXPECT_FALSE(names.is_numbered(name)) << name;
  }
}

TEST(AofManifest, NextNumbersPassByWhatIsToBeDeleted) {
  const AofNames names = {.directory = "d", .file = "f"};
  AofManifest manifest;
  EXPECT_EQ(names.next_base(manifest, true), (AofManifest::File{"f.1.base.rdb", 1}));
  EXPECT_EQ(names.next_incr(manifest), (AofManifest::File{"f.1.incr.aof", 1}));
  manifest.history = {{"f.1.base.rdb", 1}, {"f.1.incr.aof", 1}, {"f.2.incr.aof", 2}};
  EXPECT_EQ(names.next_base(manifest, true), (AofManifest::File{"f.2.base.rdb", 2}));
  EXPECT_EQ(names.next_base(manifest, false), (AofManifest::File{"f.1.base.aof", 1}));
  EXPECT_EQ(names.next_incr(manifest), (AofManifest::File{"f.3.incr.aof", 3}));
  manifest.base = {"f", 7};
  manifest.incr = {{"x", 4}, {"y", 9}};
  EXPECT_EQ(names.next_base(manifest, true).seq, 8);
  EXPECT_EQ(names.next_incr(manifest).seq, 10);
}

}  // namespace
}  // namespace pollux
