#include "src/commands/command_table.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <string>

#include "src/base/rng.h"
#include "src/commands/families.h"
#include "src/commands/test_store.h"

namespace pollux {
namespace {

TEST(CommandTable, FindsEveryCommandInAnyCase) {
  CommandTable table;
  add_command_families(table);
  EXPECT_GT(table.commands().size(), 50u);
  for (const CommandRow* row : table.commands()) {
    std::string upper(row->name);
    std::transform(upper.begin(), upper.end(), upper.begin(), ::toupper);
    EXPECT_EQ(table.find(row->name), row);
    EXPECT_EQ(table.find(upper), row);
    EXPECT_EQ(table.find(upper + "#"), nullptr);
    EXPECT_EQ(table.find(upper + std::string(1, '\0')), nullptr);
  }
  EXPECT_EQ(table.find(""), nullptr);
}

TEST(CommandTable, OnlyLettersHaveACase) {
  CommandTable table;
  add_command_families(table);
  EXPECT_NE(table.find("BITFIELD_ro"), nullptr);
  EXPECT_EQ(table.find("bitfield\x7fro"), nullptr);
  EXPECT_EQ(table.find("bitfield\xdfro"), nullptr);
  EXPECT_EQ(table.find("ge\xd4"), nullptr);
}

TEST(FoldedName, ReadsNothingAcrossAPage) {
  constexpr size_t kPage = 4096;
  void* memory =
      mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  char* bytes = static_cast<char*>(memory);
  ASSERT_EQ(mprotect(bytes + kPage, kPage, PROT_NONE), 0);
  const std::string_view names = "ZREMRANGEBYSCORE_AND_MORE";
  for (size_t size = 0; size <= names.size(); ++size) {
    char* at = bytes + kPage - size;
    std::copy_n(names.data(), size, at);
    EXPECT_EQ(fold_name({at, size}), fold_name(names.substr(0, size))) << size;
  }
  munmap(memory, 2 * kPage);
}

TEST(FoldedName, IgnoresWhatIsBehindTheName) {
  EXPECT_EQ(fold_name(std::string_view("GETxyz").substr(0, 3)), fold_name("get"));
  EXPECT_FALSE(fold_name("get") == fold_name(std::string_view("get\0", 4)));
}

TEST(CommandTable, IdsAreDenseAndInOrder) {
  CommandTable table;
  add_command_families(table);
  for (size_t i = 0; i < table.rows().size(); ++i) {
    EXPECT_EQ(table.rows()[i]->id, i);
  }
  const CommandRow* object = table.find("object");
  const CommandRow* encoding = CommandTable::find_sub(*object, "Encoding");
  ASSERT_NE(encoding, nullptr);
  EXPECT_EQ(encoding->container, "object");
  EXPECT_EQ(CommandTable::find_sub(*object, "enc"), nullptr);
}

TEST(CommandTable, ManyAndLongNames) {
  Rng rng(3);
  std::vector<std::string> names;
  for (int i = 0; i < 2000; ++i) {
    std::string name = std::to_string(i);
    for (uint64_t n = rng.below(30); n > 0; --n) {
      name += static_cast<char>('a' + rng.below(26));
    }
    names.push_back(name);
  }
  CommandTable table;
  for (const std::string& name : names) {
    const CommandRow row{.name = name, .arity = 1, .flags = 0, .acl = 0, .handler = nullptr};
    table.add({&row, 1});
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const CommandRow* row = table.find(names[i]);
    ASSERT_NE(row, nullptr) << names[i];
    EXPECT_EQ(row->id, i);
  }
}

TEST(CommandTable, SameEndsDifferentMiddle) {
  CommandTable table;
  const CommandRow rows[] = {
      {.name = "abcdefgh-1-ijklmnop", .arity = 1, .flags = 0, .acl = 0, .handler = nullptr},
      {.name = "abcdefgh-2-ijklmnop", .arity = 1, .flags = 0, .acl = 0, .handler = nullptr}};
  table.add(rows);
  EXPECT_EQ(table.find("ABCDEFGH-2-IJKLMNOP")->id, 1);
  EXPECT_EQ(table.find("abcdefgh-3-ijklmnop"), nullptr);
}

TEST(CommandTable, UnknownCommandSentence) {
  TestStore store;
  EXPECT_EQ(store.run("foo a b"),
            "-ERR unknown command 'foo', with args beginning with: 'a' 'b' \r\n");
  EXPECT_EQ(store.run_args({"foo"}), "-ERR unknown command 'foo', with args beginning with: \r\n");
  const std::string x200(200, 'x');
  EXPECT_EQ(
      store.run_args({"foo", x200, "y"}),
      "-ERR unknown command 'foo', with args beginning with: '" + x200.substr(0, 128) + "' \r\n");
  EXPECT_EQ(store.run_args({"foo", x200.substr(0, 100), x200, "z"}),
            "-ERR unknown command 'foo', with args beginning with: '" + x200.substr(0, 100) +
                "' '" + x200.substr(0, 25) + "' \r\n");
  EXPECT_EQ(store.run_args({x200, "a"}), "-ERR unknown command '" + x200.substr(0, 128) +
                                             "', with args beginning with: 'a' \r\n");
  EXPECT_EQ(store.run_args({std::string_view("fo\0o", 4), std::string_view("x\0y", 3), "z\r\n"}),
            "-ERR unknown command 'fo', with args beginning with: 'x' 'z  ' \r\n");
}

}  // namespace
}  // namespace pollux
