#include "dataplane/engine/watch.h"

#include "src/base/arena.h"
#include "src/base/assert.h"

namespace pollux {

namespace {

struct ByKey : ListLink {};
struct ByWatcher : ListLink {};

}  // namespace

// One key of one watcher; freed by drop.
struct WatchTable::Record : ByKey, ByWatcher {
  Watched* key = nullptr;
  Watcher* watcher = nullptr;
  bool due = false;  // it counts as absent: its time had come when it was watched
};

struct WatchTable::Watched {
  std::string bytes;
  Name name;
  IntrusiveList<Record, ByKey> records;
  size_t count = 0;
};

struct WatchTable::Watcher {
  bool touched = false;
  IntrusiveList<Record, ByWatcher> records;
  size_t count = 0;
};

WatchTable::WatchTable() = default;

WatchTable::~WatchTable() {
  while (!watchers_.empty()) {
    forget(watchers_.begin()->first);
  }
}

void WatchTable::watch(Watching& watching, int db, const Key& key, bool due) {
  POLLUX_ASSERT(watching.id != 0);
  std::unique_ptr<Watcher>& watcher = watchers_[watching.id];
  if (watcher == nullptr) {
    watcher = std::make_unique<Watcher>();
  }
  if (watcher->touched) {
    return;  // decided already
  }
  const auto there = keys_.find(Name{db, key.bytes, key.hash});
  if (there != keys_.end()) {
    // Looked for along the shorter of the two lists.
    bool known = false;
    const Watched& watched = *there->second;
    if (watched.count < watcher->count) {
      there->second->records.for_each(
          [&](const Record& record) { known |= record.watcher == watcher.get(); });
    } else {
      watcher->records.for_each([&](const Record& record) { known |= record.key == &watched; });
    }
    if (known) {
      return;
    }
  }
  Watched* watched = nullptr;
  if (there != keys_.end()) {
    watched = there->second.get();
  } else {
    auto fresh = std::make_unique<Watched>();
    watched = fresh.get();
    watched->bytes = key.bytes;
    watched->name = {db, watched->bytes, key.hash};
    keys_.emplace(watched->name, std::move(fresh));
  }
  ++watching.keys;
  // The record, the key with its name, its node in keys_ and a place there.
  watching.bytes += Arena::usable(sizeof(Record)) + Arena::usable(sizeof(Watched)) +
                    Arena::usable(key.bytes.size() + 1) +
                    Arena::usable(sizeof(Name) + 3 * sizeof(void*)) + 2 * sizeof(void*);
  auto* record = new Record;
  record->key = watched;
  record->watcher = watcher.get();
  record->due = due;
  watched->records.push_back(*record);
  watcher->records.push_back(*record);
  ++watched->count;
  ++watcher->count;
}

void WatchTable::drop(Record& record) {
  Watched& watched = *record.key;
  --watched.count;
  --record.watcher->count;
  delete &record;  // its nodes unlink themselves
  if (watched.count == 0) {
    keys_.erase(watched.name);
  }
}

void WatchTable::forget(uint64_t id) {
  const auto watcher = watchers_.find(id);
  if (watcher == watchers_.end()) {
    return;
  }
  while (!watcher->second->records.empty()) {
    drop(watcher->second->records.front());
  }
  watchers_.erase(watcher);
}

bool WatchTable::intact(uint64_t id, const ShardStore& store, Instant now) const {
  const auto watcher = watchers_.find(id);
  if (watcher == watchers_.end()) {
    return true;
  }
  bool intact = !watcher->second->touched;
  watcher->second->records.for_each([&](const Record& record) {
    const Name& name = record.key->name;
    if (intact && !record.due) {
      const Entry* entry = store.look(name.db, {name.bytes, name.hash});
      intact = entry == nullptr ||
               !(entry->expired_at(now.ms()) || entry->fields_due_at(now.ms()));
    }
  });
  return intact;
}

void WatchTable::touched(int db, const Key& key, bool there) {
  const auto watched = keys_.find(Name{db, key.bytes, key.hash});
  if (watched == keys_.end()) {
    return;
  }
  std::vector<Watcher*> touched;
  watched->second->records.for_each([&](Record& record) {
    if (!record.due) {
      touched.push_back(record.watcher);
    } else if (!there) {
      record.due = false;  // what counted as absent is absent
    }
  });
  mark_touched(touched);
}

void WatchTable::mark_touched(const std::vector<Watcher*>& watchers) {
  for (Watcher* watcher : watchers) {
    watcher->touched = true;
    while (!watcher->records.empty()) {
      drop(watcher->records.front());
    }
  }
}

void WatchTable::replacing(int db, int with, const ShardStore& store, Instant now) {
  std::vector<Watcher*> touched;
  for (const auto& [name, watched] : keys_) {
    if (name.db != db) {
      continue;
    }
    const Key key{name.bytes, name.hash};
    const bool was = store.look(db, key) != nullptr;
    const Entry* next = with < 0 ? nullptr : store.look(with, key);
    if (!was && next == nullptr) {
      continue;
    }
    const bool next_due = next != nullptr && next->expired_at(now.ms());
    watched->records.for_each([&](Record& record) {
      if (record.due && next == nullptr) {
        record.due = false;
      } else if (record.due && next_due) {
        return;
      } else if (!record.due && !was && next_due) {
        record.due = true;
      } else {
        touched.push_back(record.watcher);
      }
    });
  }
  mark_touched(touched);
}

}  // namespace pollux
