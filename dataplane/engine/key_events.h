// Keyspace notifications: which events are wanted (notify-keyspace-events), and the messages that a
// change of a key becomes. They are sent by the shard of the key, so all events of a key, and of
// all keys of its shard, come in the order of the changes.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "src/data/key_event.h"

namespace pollux {

class Topics;
class Worker;

class EventClasses {
 public:
  // What 'A' stands for.
  static constexpr std::array kAll{'g', '$', 'l', 's', 'h', 'z', 'x', 'e', 't', 'd'};

  EventClasses() = default;
  // From the letters of the option.
  explicit EventClasses(std::string_view letters);

  bool any() const { return any_; }
  bool has(char letter) const { return has_[static_cast<unsigned char>(letter) & 127]; }

 private:
  bool any_ = false;  // some event goes to some channel
  std::array<bool, 128> has_{};
};

// Sends what is wanted of it to __keyspace@db__:key and __keyevent@db__:event, by the topics of the
// key's shard, which `holder` holds.
void tell_key_event(Worker& holder, const Topics& topics, int db, std::string_view key,
                    KeyEvent event);

}  // namespace pollux
