// The same segments for our stack and for the kernel's, in every state of a connection: what they
// answer is compared by class (flags, place in both streams, payload, window open or not), for the
// segment and for one behind it, which shows what became of the connection. What differs must fit
// one of kDifferences, and what stands there must differ.
#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tcp_linux/host.h"

namespace pollux::tcp {
namespace {

constexpr int32_t kPeerWindow = 60'000;

std::string text_of(TcpFlags flags) {
  constexpr std::pair<TcpFlags, const char*> kNames[] = {
      {kSyn, "SYN"}, {kFin, "FIN"}, {kRst, "RST"}, {kAck, "ACK"}};
  std::string text;
  for (const auto& [flag, name] : kNames) {
    if ((flags & flag) != 0) {
      text += (text.empty() ? "" : "+") + std::string(name);
    }
  }
  return text.empty() ? "no flag" : text;
}

// A segment of the peer's: places are relative to what is next, of each stream.
struct Probe {
  TcpFlags flags = 0;
  int32_t seq = 0;
  int32_t ack = 0;
  uint32_t payload_bytes = 0;
  enum class Stamp : uint8_t { kUsual, kOld, kNone } stamp = Stamp::kUsual;
};

std::string signed_text(int64_t value) {
  return (value < 0 ? "" : "+") + std::to_string(value);
}

std::string text_of(const Probe& probe) {
  std::string text = text_of(probe.flags) + " seq" + signed_text(probe.seq);
  if ((probe.flags & kAck) != 0) {
    text += " ack" + signed_text(probe.ack);
  }
  if (probe.payload_bytes != 0) {
    text += " data";
  }
  if (probe.stamp != Probe::Stamp::kUsual) {
    text += probe.stamp == Probe::Stamp::kOld ? " old timestamp" : " no timestamp";
  }
  return text;
}

// One connection, or the attempt of one.
class Talk {
 public:
  Talk(Host& host, uint16_t port, bool stamps) : host_(host), port_(port), stamps_(stamps) {
    host_.rest();
  }

  // What it answers.
  std::string say(const Probe& probe, uint16_t to = kListenPort) {
    TcpHeader header{.source_port = port_,
                     .destination_port = to,
                     .seq = next_ + static_cast<uint32_t>(probe.seq),
                     .ack = host_next_ + static_cast<uint32_t>(probe.ack),
                     .flags = probe.flags,
                     .window = uint16_t{kPeerWindow}};
    if ((probe.flags & kAck) == 0) {
      header.ack = Seq{};
    }
    TcpOptions options;
    const bool opens = probe.flags == kSyn;
    if (opens) {
      options.mss = 1'000;
    }
    if (stamps_ && probe.stamp != Probe::Stamp::kNone) {
      const uint32_t now = ++clock_ - (probe.stamp == Probe::Stamp::kOld ? 100'000U : 0U);
      options.timestamps = {now, opens ? 0 : echo_};
    }
    host_.give(packet_of(header, options, probe.payload_bytes));
    return hear();
  }
  std::string hear() {
    std::string answers;
    for (const PlainSegment& segment : host_.take(port_)) {
      answers += (answers.empty() ? "" : ", ") + text_of_answer(segment);
      note(segment);
    }
    return answers.empty() ? "nothing" : answers;
  }

  // The handshake; or a part of it.
  void begin() {
    say({.flags = kSyn});
    next_ += 1;
  }
  void open() {
    begin();
    say({.flags = kAck});
  }
  void fin(int32_t ack = 0) {
    say({.flags = kFin | kAck, .ack = ack});
    next_ += 1;
  }
  void ack() { say({.flags = kAck}); }
  void host_writes() {
    host_.write(port_, 100);
    hear();
  }
  void host_finishes() {
    host_.finish(port_);
    hear();
  }
  void host_closes() {
    host_.close(port_);
    hear();
  }

 private:
  std::string text_of_answer(const PlainSegment& segment) const {
    const TcpHeader& header = segment.header;
    std::string text = text_of(header.flags);
    if (!header.has(kSyn)) {  // where a host begins is its own affair
      text += " seq" + signed_text(header.seq - host_next_);
    }
    if (header.has(kAck)) {
      text += " ack" + signed_text(header.ack - next_);
    }
    if (segment.payload_bytes != 0) {
      text += " data";
    }
    const bool tells_window = !header.has(kRst) && !header.has(kSyn);
    return text + (tells_window && header.window == 0 ? " shut" : "");
  }
  void note(const PlainSegment& segment) {
    const TcpHeader& header = segment.header;
    if (header.has(kRst)) {
      return;
    }
    const Seq end = header.seq + segment.payload_bytes + (header.has(kSyn) ? 1U : 0U) +
                    (header.has(kFin) ? 1U : 0U);
    if (header.has(kSyn) || end > host_next_) {
      host_next_ = end;
    }
    if (segment.options.timestamps) {
      echo_ = segment.options.timestamps->value;
    }
  }

  Host& host_;
  const uint16_t port_;
  const bool stamps_;
  Seq next_{1'000'000};
  Seq host_next_{5'000};  // until the host has said where it begins
  uint32_t clock_ = 1'000'000;
  uint32_t echo_ = 0;
};

struct State {
  const char* name;
  std::function<void(Talk&)> enter;
  uint16_t port = kListenPort;
};

const std::vector<State>& states() {
  static const std::vector<State> kStates = {
      {"CLOSED", [](Talk&) {}, kNobodysPort},
      {"LISTEN", [](Talk&) {}},
      {"SYN-RECEIVED", [](Talk& talk) { talk.begin(); }},
      {"ESTABLISHED", [](Talk& talk) { talk.open(); }},
      {"ESTABLISHED, unacked",
       [](Talk& talk) {
         talk.open();
         talk.host_writes();
       }},
      {"FIN-WAIT-1",
       [](Talk& talk) {
         talk.open();
         talk.host_finishes();
       }},
      {"FIN-WAIT-2",
       [](Talk& talk) {
         talk.open();
         talk.host_finishes();
         talk.ack();
       }},
      {"CLOSE-WAIT",
       [](Talk& talk) {
         talk.open();
         talk.fin();
       }},
      {"CLOSING",
       [](Talk& talk) {
         talk.open();
         talk.host_finishes();
         talk.fin(-1);  // which does not acknowledge ours
       }},
      {"LAST-ACK",
       [](Talk& talk) {
         talk.open();
         talk.fin();
         talk.host_closes();
       }},
      {"TIME-WAIT",
       [](Talk& talk) {
         talk.open();
         talk.host_finishes();
         talk.ack();
         talk.fin();
       }},
  };
  return kStates;
}

std::vector<Probe> probes() {
  constexpr int32_t kFar = 1 << 24;  // beyond every window
  std::vector<Probe> probes;
  for (const TcpFlags flags :
       {TcpFlags{kAck}, TcpFlags{kSyn}, TcpFlags{kSyn | kAck}, TcpFlags{kRst},
        TcpFlags{kRst | kAck}, TcpFlags{kFin | kAck}, TcpFlags{kFin}, TcpFlags{0}}) {
    for (const int32_t seq : {0, -1, 1'000, -kFar, kFar}) {
      for (const int32_t ack : {0, -1, 1'000, -kFar}) {
        for (const uint32_t payload : {0U, 4U}) {
          const bool varies = (flags & kAck) != 0 || ack == 0;
          const bool carries = payload == 0 || (flags & (kSyn | kRst)) == 0;
          if (varies && carries) {
            probes.push_back({.flags = flags, .seq = seq, .ack = ack, .payload_bytes = payload});
          }
        }
      }
    }
  }
  return probes;
}

struct Answers {
  std::string first;
  std::string then;
  bool operator==(const Answers&) const = default;
};

Answers ask(Host& host, const State& state, const Probe& probe, uint16_t port, bool stamps) {
  Talk talk(host, port, stamps);
  state.enter(talk);
  Answers answers;
  answers.first = talk.say(probe, state.port);
  answers.then = talk.say({.flags = kAck, .payload_bytes = 1}, state.port);
  return answers;
}

// A difference that is meant: where, and why.
struct Difference {
  const char* what;
  bool (*is_it)(std::string_view state, const Probe& probe, const Answers& us, const Answers& them);
};

bool has(const Probe& probe, TcpFlags any) {
  return (probe.flags & any) != 0;
}
bool is_behind_fin(std::string_view state) {
  return state == "CLOSE-WAIT" || state == "CLOSING" || state == "LAST-ACK";
}

// The first that fits counts.
constexpr Difference kDifferences[] = {
    {"In SYN-RECEIVED we are silent where Linux acknowledges, refuses or resets: the SYN-ACK says "
     "as "
     "much, and goes again (listener/README.md, Deviations)",
     [](std::string_view state, const Probe& probe, const Answers& us, const Answers&) {
       return (state == "SYN-RECEIVED" && us.first == "nothing") ||
              (state == "LISTEN" && probe.flags == kSyn && us.then == "nothing");
     }},
    {"A SYN with another number in SYN-RECEIVED gets a SYN-ACK of its own, as a cookie; Linux "
     "resets, "
     "or asks by an ACK",
     [](std::string_view state, const Probe& probe, const Answers& us, const Answers&) {
       return state == "SYN-RECEIVED" && probe.flags == kSyn && us.first.starts_with("SYN+ACK");
     }},
    {"What has no ACK and is not in the window is answered by an ACK (RFC 9293 3.10.7.4, first); "
     "Linux drops what has no ACK before it looks at anything else",
     [](std::string_view, const Probe& probe, const Answers&, const Answers& them) {
       return !has(probe, kAck | kSyn | kRst) && them.first == "nothing";
     }},
    {"In TIME-WAIT what has no ACK is dropped, a RST too (RFC 1337); Linux acknowledges, or ends",
     [](std::string_view state, const Probe& probe, const Answers& us, const Answers&) {
       return state == "TIME-WAIT" && !has(probe, kSyn) && us.first == "nothing";
     }},
    {"A SYN that takes the place of TIME-WAIT (RFC 6191): what comes behind it is in SYN-RECEIVED",
     [](std::string_view state, const Probe& probe, const Answers& us, const Answers&) {
       return state == "TIME-WAIT" && probe.flags == kSyn && us.first.starts_with("SYN+ACK");
     }},
    {"In TIME-WAIT one ACK a second is answered; Linux has a limit, too, which is off here",
     [](std::string_view state, const Probe&, const Answers& us, const Answers& them) {
       return state == "TIME-WAIT" && us.first == them.first && us.then == "nothing";
     }},
    {"Of what was acknowledged before, a window's width is believed (RFC 5961 5.2); Linux believes "
     "no more than was ever acknowledged",
     [](std::string_view state, const Probe& probe, const Answers&, const Answers& them) {
       return state.starts_with("ESTABLISHED") && probe.ack == -1 &&
              them.first == "ACK seq+0 ack+0";
     }},
    {"An ACK from further back gets an ACK, and what is with it is dropped (RFC 5961 5.2); Linux "
     "takes "
     "the data",
     [](std::string_view state, const Probe& probe, const Answers& us, const Answers&) {
       return state == "ESTABLISHED, unacked" && probe.ack < -kPeerWindow &&
              us.first == "ACK seq+0 ack+0";
     }},
    {"In TIME-WAIT an old SYN is dropped (RFC 6191 2); Linux acknowledges it",
     [](std::string_view state, const Probe& probe, const Answers& us, const Answers&) {
       return state == "TIME-WAIT" && probe.flags == kSyn && us.first == "nothing";
     }},
    {"A FIN is acknowledged at once; Linux waits, as with data",
     [](std::string_view, const Probe& probe, const Answers& us, const Answers& them) {
       return has(probe, kFin) && them.first == "nothing" && us.first.starts_with("ACK");
     }},
    {"A RST that stands where the peer's FIN stood is no exact one (RFC 5961 3.2); Linux takes it",
     [](std::string_view state, const Probe& probe, const Answers&, const Answers& them) {
       return is_behind_fin(state) && has(probe, kRst) && probe.seq == -1 &&
              them.then == "RST seq+0";
     }},
    {"What comes behind the peer's FIN is acknowledged; Linux ignores it, or resets if it holds "
     "data",
     [](std::string_view state, const Probe& probe, const Answers& us, const Answers& them) {
       const bool is_now = state == "FIN-WAIT-1" && has(probe, kFin) && us.first == them.first;
       return is_behind_fin(state) || is_now;
     }},
};

// Whose answers kDifferences are about: other kernels have other opinions.
constexpr std::string_view kKernel = "6.18.";

std::string kernel_release() {
  utsname name{};
  uname(&name);
  return name.release;
}

TEST(KernelTcp, AnswersAreOfTheSameClass) {
  std::string reason;
  const std::unique_ptr<Host> kernel = make_kernel_host(reason);
  if (kernel == nullptr) {
    GTEST_SKIP() << reason;
  }
  const std::unique_ptr<Host> ours = make_our_host();
  uint16_t port = 10'000;
  int same = 0;
  std::ostringstream wrong;
  std::map<std::string, int> known;
  for (const bool stamps : {false, true}) {
    for (const State& state : states()) {
      for (const Probe& probe : probes()) {
        Answers us;
        Answers them;
        const Difference* difference = nullptr;
        // A timer of the kernel's may come up in the middle, but hardly three times.
        for (int i = 0; i < 3; ++i) {
          ++port;
          us = ask(*ours, state, probe, port, stamps);
          them = ask(*kernel, state, probe, port, stamps);
          difference = std::ranges::find_if(kDifferences, [&](const Difference& difference) {
            return difference.is_it(state.name, probe, us, them);
          });
          if (us == them || difference != std::end(kDifferences)) {
            break;
          }
        }
        if (us == them) {
          ++same;
          continue;
        }
        if (difference != std::end(kDifferences)) {
          ++known[difference->what];
          continue;
        }
        wrong << state.name << ", " << text_of(probe) << (stamps ? " (timestamps)" : "")
              << "\n  ours:   " << us.first << "; then " << us.then << "\n  kernel: " << them.first
              << "; then " << them.then << "\n";
      }
    }
  }
  std::printf("%d answers are of the same class. Different, and meant:\n", same);
  for (const Difference& difference : kDifferences) {
    std::printf("%4d %s\n", known[difference.what], difference.what);
    if (known[difference.what] == 0) {
      wrong << "no difference any more: " << difference.what << "\n";
    }
  }
  const std::string release = kernel_release();
  if (!release.starts_with(kKernel)) {
    GTEST_SKIP() << "this kernel is " << release << ", the known differences are of " << kKernel
                 << "x; what else differs:\n"
                 << wrong.str();
  }
  EXPECT_EQ(wrong.str(), "");
}

}  // namespace
}  // namespace pollux::tcp
