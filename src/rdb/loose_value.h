// A value that belongs to no key yet: what was read so far, while it may still turn out that the
// rest is wrong. A large collection stands in the memory of the shard already, and is freed there,
// in slices, if no key takes it. Belongs to the holder of the shard.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "src/data/hash_value.h"
#include "src/data/keyspace.h"
#include "src/data/shard_memory.h"
#include "src/rdb/rdb_text.h"

namespace pollux {

class LooseValue {
 public:
  explicit LooseValue(ShardMemory& memory) : memory_(memory) {}
  ~LooseValue() {
    if (collection_ != nullptr) {
      memory_.bury(collection_);
    }
  }
  LooseValue(const LooseValue&) = delete;
  LooseValue& operator=(const LooseValue&) = delete;

  ShardMemory& memory() { return memory_; }

  // The bytes of a string value; read into it.
  RdbText& string() { return bytes_; }
  // A small collection, as a key has it: a bare listpack, or an intset.
  void set_flat(ValueType type, Encoding encoding, std::string&& bytes) {
    bytes_.set_own(std::move(bytes));
    set_flat(type, encoding);
  }
  // The same, of the bytes that were read into string().
  void set_flat(ValueType type, Encoding encoding) {
    type_ = type;
    encoding_ = encoding;
  }
  // The two for a framed listpack.
  void set_framed(ValueType type, Encoding encoding, std::string&& bytes) {
    bytes_.set_own(std::move(bytes));
    set_framed(type, encoding);
  }
  void set_framed(ValueType type, Encoding encoding) {
    set_flat(type, encoding);
    framed_ = true;
  }
  // A large collection without elements, for the caller to fill. Once.
  template <typename T>
  T& make_large(ValueType type, Encoding encoding) {
    T* const made = memory_.make<T>();
    set_flat(type, encoding);
    collection_ = made;
    return *made;
  }

  // Makes it the value of the edit's key, whatever was there. The TTL stays.
  void give_to(Edit& edit) {
    if (collection_ != nullptr) {
      edit.set_collection(type_, encoding_, std::exchange(collection_, nullptr));
    } else if (type_ == ValueType::kString) {
      edit.set_string(bytes_.view());
    } else {
      const std::string_view bytes = bytes_.view();
      edit.set_flat(type_, encoding_, framed_ ? Listpack::bare(bytes) : bytes);
    }
    if (type_ == ValueType::kHash) {
      renew_field_timer(edit);
    }
  }

 private:
  ShardMemory& memory_;
  ValueType type_ = ValueType::kString;
  Encoding encoding_ = Encoding::kRaw;  // of a string, whichever it will be
  RdbText bytes_;
  bool framed_ = false;  // a small collection's listpack
  Collection* collection_ = nullptr;
};

}  // namespace pollux
