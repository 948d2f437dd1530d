// The memory of the control page: anonymous, or a file that others map read-only. Made before the
// workers run, gone after them. One thread.
#pragma once

#include <cstddef>
#include <string>

#include "dataplane/kernel/listener.h"
#include "src/abi/control_page.h"
#include "src/commands/command_table.h"

namespace pollux {

class ControlPageMap {
 public:
  ControlPageMap() = default;
  ~ControlPageMap();
  ControlPageMap(const ControlPageMap&) = delete;
  ControlPageMap& operator=(const ControlPageMap&) = delete;

  // An empty path: anonymous. Returns what went wrong, empty if nothing. The file is made anew
  // (readers of a former one keep theirs), readable by everybody, and has all its room from the
  // start: a store into a page for which the file system has no room ends the process. What stands
  // at the path is only removed if it is the control page of a server that is gone, and at the end
  // only if it is this one.
  std::string create(const std::string& path, int workers);
  // Fills in what never changes and then declares the page complete.
  void complete(const CommandTable& commands, int port, int64_t now_ms);

  ControlPage& page() { return *page_; }

 private:
  ControlPage* page_ = nullptr;
  size_t bytes_ = 0;
  int workers_ = 0;
  std::string path_;
  // Of the file that was made. Open as long as the map lives: its lock says that somebody counts.
  UniqueFd file_;
};

}  // namespace pollux
