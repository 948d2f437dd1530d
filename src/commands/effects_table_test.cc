// What commands leave in a history, against effects_table.h.
#include "src/commands/effects_table.h"

#include <gtest/gtest.h>

#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include "src/base/num.h"
#include "src/commands/test_store.h"

namespace pollux {
namespace {

// "{now+5}" made the number.
std::string with_times(std::string text, int64_t now_ms) {
  for (size_t at = text.find("{now"); at != std::string::npos; at = text.find("{now", at)) {
    const size_t end = text.find('}', at);
    const size_t sign = at + 4;
    int64_t offset = 0;
    std::from_chars(text.data() + sign + (text[sign] == '+' ? 1 : 0), text.data() + end, offset);
    text.replace(at, end + 1 - at, std::to_string(now_ms + offset));
  }
  return text;
}

class Case {
 public:
  Case() : store_(std::make_unique<TestStore>()) { store_->keep_history(); }

  // A line of the table.
  void take(std::string_view line) {
    const char kind = line[0];
    const std::string_view rest = line.substr(2);
    if (kind == '=' || kind == ':') {
      expected_ += with_times(std::string(rest), store_->now_ms()) + "\n";
      return;
    }
    if (kind == '!') {
      return;
    }
    finish();
    constexpr std::string_view kNodes = "CONFIG SET stream-node-max-entries ";
    if (kind == '~') {
      store_->advance_ms(*parse_int64(rest));
    } else if (rest.starts_with(kNodes)) {
      store_->config().encoding.stream_node_entries = *parse_int64(rest.substr(kNodes.size()));
    } else {
      store_->run(rest);
      command_ = kind == '-' ? std::string() : std::string(rest);
    }
  }
  void finish() {
    const std::string left = history_lines(store_->take_history());
    if (!command_.empty()) {
      EXPECT_EQ(left, expected_) << "of " << command_;
    }
    command_.clear();
    expected_.clear();
  }

 private:
  std::unique_ptr<TestStore> store_;
  std::string command_;
  std::string expected_;
};

TEST(EffectsTable, IsWhatCommandsLeave) {
  std::string_view table = kEffectsTable.substr(1);
  auto present = std::make_unique<Case>();
  while (!table.empty()) {
    const std::string_view line = table.substr(0, table.find('\n'));
    if (line.empty()) {
      present->finish();
      present = std::make_unique<Case>();
    } else {
      present->take(line);
    }
    table.remove_prefix(line.size() + 1);
  }
  present->finish();
}

}  // namespace
}  // namespace pollux
