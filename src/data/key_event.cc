#include "src/data/key_event.h"

#include <cstddef>
#include <iterator>

#include "src/base/assert.h"

namespace pollux {

namespace {

// In the order of KeyEvent.
constexpr KeyEventRow kRows[] = {
    {"set", '$'},         {"setrange", '$'},  {"append", '$'},  {"incrby", '$'},
    {"incrbyfloat", '$'}, {"setbit", '$'},    {"del", 'g'},     {"expire", 'g'},
    {"persist", 'g'},     {"expired", 'x'},   {"evicted", 'e'}, {"rename_from", 'g'},
    {"rename_to", 'g'},   {"move_from", 'g'}, {"move_to", 'g'}, {"copy_to", 'g'},
    {"restore", 'g'},     {"", ' '},          {"new", 'n'},     {"keymiss", 'm'},
};
static_assert(std::size(kRows) == static_cast<size_t>(KeyEvent::kCount));

}  // namespace

const KeyEventRow& key_event_row(KeyEvent event) {
  POLLUX_ASSERT(event < KeyEvent::kCount);
  return kRows[static_cast<size_t>(event)];
}

}  // namespace pollux
