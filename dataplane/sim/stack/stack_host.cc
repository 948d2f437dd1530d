#include "dataplane/sim/stack/stack_host.h"

namespace pollux::tcp {

void StackHost::tick(Moment now) {
  if (stack_.next_deadline() <= now) {
    stack_.tick(now);
  }
}

// The turn's end, whatever it began with: what came is told, and what the application has to say
// goes out with it.
void StackHost::flush(Moment now) {
  while (const StackEvent* event = stack_.next_event()) {
    app_->on_event(*event, now);
  }
  app_->run(now);
  stack_.flush(now);
  if (violation_.empty()) {
    violation_ = stack_.check();
  }
}

}  // namespace pollux::tcp
