// The file of net-capture: frames that workers have copied (dataplane/tcp/capture), as pcapng,
// which tcpdump, tshark and Wireshark read. It begins when the option is set, in the server's
// folder, and ends when the option is emptied or the file is full; set to other peers in between it
// goes on.
//
// A thread of its own, which may wait for the disk: what comes meanwhile and has no room is not in
// the file, and counted at its end.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/kernel/listener.h"
#include "dataplane/tcp/capture/capture.h"

namespace pollux {

class CaptureFile {
 public:
  CaptureFile(tcp::Capture& capture, int64_t bytes_max)
      : capture_(capture), bytes_max_(bytes_max) {}
  // What was begun stays as it is: write() has told all but the last moments.
  ~CaptureFile() = default;
  CaptureFile(const CaptureFile&) = delete;
  CaptureFile& operator=(const CaptureFile&) = delete;

  // Writes what has come. True: to be called again soon, since there is a capture.
  bool write();
  // The process ends: no worker copies any more.
  void finish();

 private:
  void begin();
  void set_over(bool over);
  void take_until(tcp::Moment until);
  bool write_until(tcp::Moment until);  // false: the file is full, or the disk
  bool put_out();
  void end(const char* why);

  tcp::Capture& capture_;
  const int64_t bytes_max_;
  UniqueFd file_;
  bool over_ = false;  // this capture has no file any more
  std::string name_;
  std::string waiting_;  // whole blocks
  uint64_t waiting_frames_ = 0;
  int64_t bytes_ = 0;  // written, whole blocks
  uint64_t frames_ = 0;
  uint64_t lost_before_ = 0;
  int64_t epoch_ns_ = 0;  // of the monotonic clock's 0
};

}  // namespace pollux
