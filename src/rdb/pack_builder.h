// A listpack that is written in one go, in memory of its own, and what must be known of one that
// has come from elsewhere. One thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "src/data/listpack.h"

namespace pollux {

class PackBuilder {
 public:
  PackBuilder() : bytes_(Listpack::kHeaderBytes, '\0') {}

  // False, with nothing done, if it would be longer than a listpack may be.
  bool add(const PackedValue& value) {
    const size_t at = bytes_.size();
    const size_t size = packed_bytes(value);
    if (at + size >= Listpack::kBytesMax) {
      return false;
    }
    bytes_.resize(at + size);
    write_packed(value, bytes_.data() + at);
    ++count_;
    return true;
  }
  size_t count() const { return count_; }
  // What the listpack takes by now.
  size_t bytes() const { return bytes_.size() + 1; }
  // The listpack; the builder begins anew.
  std::string finish() {
    const size_t elements = bytes_.size() - Listpack::kHeaderBytes;
    bytes_.push_back('\0');
    Listpack::write_frame(bytes_.data(), elements, count_);
    count_ = 0;
    std::string done(Listpack::kHeaderBytes, '\0');
    done.swap(bytes_);
    return done;
  }

 private:
  std::string bytes_;
  size_t count_ = 0;
};

// Whether bytes that were read are a listpack as we keep them. `count`: of elements.
bool readable_pack(std::string_view bytes, size_t& count);

// The elements of a ziplist (old_forms.h) as a listpack; false if it is none or too long.
bool pack_ziplist(std::string_view ziplist, std::string& pack);

// Whether a text comes twice among the elements, of which `skip` are left out between two that
// count (1: fields of a hash). Requires a valid listpack. In n log n; takes 8 bytes an element.
bool has_duplicates(const Listpack& pack, size_t skip);

}  // namespace pollux
