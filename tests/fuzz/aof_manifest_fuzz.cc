// libFuzzer target: any bytes are a manifest or refused with a sentence; what is one comes back as
// the same when it is written and read again, and no two of its files share a name.
//
// The first byte of the input says nothing; the rest is the text. Seeds:
// tests/fuzz/make_aof_corpus.py.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "src/base/assert.h"
#include "storage/aof_manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string error;
  const auto manifest = pollux::parse_aof_manifest(text, "d/m", error);
  POLLUX_ASSERT(manifest.has_value() == error.empty());
  if (!manifest) {
    return 0;
  }
  std::string again_error;
  const std::string written = pollux::format_aof_manifest(*manifest);
  const auto again = pollux::parse_aof_manifest(written, "d/m", again_error);
  // What has a name with many bytes to quote may outgrow a line.
  POLLUX_ASSERT(again == manifest || again_error.find("longer than 1024") != std::string::npos);
  std::set<std::string> names;
  for (const auto* files : {&manifest->history, &manifest->incr}) {
    for (const pollux::AofManifest::File& file : *files) {
      POLLUX_ASSERT(names.insert(file.name).second && file.seq > 0);
    }
  }
  POLLUX_ASSERT(!manifest->base || names.insert(manifest->base->name).second);
  const pollux::AofNames next;
  POLLUX_ASSERT(!names.contains(next.next_base(*manifest, true).name));
  POLLUX_ASSERT(!names.contains(next.next_incr(*manifest).name));
  return 0;
}
