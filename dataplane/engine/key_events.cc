#include "dataplane/engine/key_events.h"

#include "dataplane/engine/publish.h"
#include "dataplane/engine/topics.h"
#include "dataplane/engine/worker.h"

namespace pollux {

namespace {

constexpr size_t kKeyBytesMax = kMessageBytesMax / 2;  // of keys whose events are told

}  // namespace

EventClasses::EventClasses(std::string_view letters) {
  const auto add = [this](char letter) { has_[static_cast<unsigned char>(letter) & 127] = true; };
  bool some_class = false;
  for (const char letter : letters) {
    add(letter);
    some_class = some_class || (letter != 'K' && letter != 'E');
    if (letter == 'A') {
      for (const char one : kAll) {
        add(one);
      }
    }
  }
  any_ = some_class && (has('K') || has('E'));
}

void tell_key_event(Worker& holder, const Topics& topics, int db, std::string_view key,
                    KeyEvent event) {
  const EventClasses& wanted = holder.config().key_events;
  const KeyEventRow& row = key_event_row(event);
  if (topics.empty() || !wanted.has(row.event_class) || key.size() > kKeyBytesMax) {
    return;
  }
  const std::string at_db = "@" + std::to_string(db) + "__:";
  if (wanted.has('K')) {
    publish(holder, topics, TopicKind::kChannel, "__keyspace" + at_db + std::string(key), row.name);
  }
  if (wanted.has('E')) {
    publish(holder, topics, TopicKind::kChannel, "__keyevent" + at_db + std::string(row.name), key);
  }
}

}  // namespace pollux
