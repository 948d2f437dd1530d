#include "dataplane/kernel/uring_transport.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "src/base/assert.h"
#include "src/base/log.h"
#include "src/base/time.h"
#include "src/uring/refusal_text.h"

namespace pollux {
namespace {

constexpr unsigned kCompletionsPerSubmission = 8;
constexpr unsigned kIndexBits = 24;
// How long accept rests where the process has no more files.
__kernel_timespec accept_retry_delay{0, 100'000'000};
// The longest send whose result fits a completion.
constexpr size_t kQuickSendMax = 1U << 30;

// Errors of accept that last until somebody gives something back.
bool is_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

// Where a poll puts its events.
class UringTransport::Sink {
 public:
  explicit Sink(std::span<TransportEvent> events) : events_(events) {}
  bool full() const { return count_ == events_.size(); }
  size_t count() const { return count_; }
  void put(TransportEvent::Kind kind, ConnId conn, std::string_view bytes = {}, size_t sent = 0) {
    events_[count_++] = {kind, conn, bytes, sent};
  }

 private:
  std::span<TransportEvent> events_;
  size_t count_ = 0;
};

std::unique_ptr<UringTransport> UringTransport::create(const UringOptions& options,
                                                       std::string& error) {
  std::unique_ptr<UringTransport> transport(new UringTransport(options));
  error = transport->start();
  return error.empty() ? std::move(transport) : nullptr;
}

std::string UringTransport::start() {
  std::string error = open_tcp_listeners(options_, listeners_);
  if (!error.empty()) {
    return error;
  }
  if (options_.unix_fd >= 0 || !options_.unix_path.empty()) {
    int fd = options_.unix_fd >= 0 ? dup(options_.unix_fd) : open_unix_listener(options_, error);
    if (fd < 0) {
      return error.empty() ? "cannot share the unix socket: " + std::string(std::strerror(errno))
                           : error;
    }
    listeners_.push_back({UniqueFd(fd), true});
  }
  error = wake_.setup();
  if (!error.empty()) {
    return error;
  }
  error = ring_.setup(options_.queue_entries, options_.queue_entries * kCompletionsPerSubmission);
  if (!error.empty()) {
    return error;
  }
  int failed = buffers_.create(ring_.raw(), options_.buffers, options_.buffer_bytes);
  if (failed == ENOMEM) {
    return "there is no memory for the receive buffers. Raise the limits of memory (`ulimit -v`, "
           "`ulimit -l`, MemoryMax= of a unit), or run with fewer workers";
  }
  if (failed != 0) {
    return uring_refusal(failed);
  }
  return "";
}

UringTransport::~UringTransport() {
  for (Conn& conn : conns_) {
    if (conn.open) {
      ::close(conn.fd);
    }
  }
}

int UringTransport::bound_port() const {
  return listeners_.empty() ? 0 : socket_port(listeners_.front().fd.get());
}

// The first use by the worker's thread: from here on the ring is that thread's.
void UringTransport::attach() {
  attached_ = true;
  ring_.attach();
  wake_.arm(ring_, pack(Op::kWake, 0, 0));
  for (uint32_t i = 0; i < listeners_.size(); ++i) {
    arm_accept(i);
  }
}

uint64_t UringTransport::pack(Op op, uint32_t index, uint32_t generation) {
  return uint64_t{generation} << 32 | uint64_t{index} << (32 - kIndexBits) |
         static_cast<uint64_t>(op);
}

UringTransport::Tag UringTransport::unpack(uint64_t user_data) {
  return {static_cast<Op>(user_data & 0xff), static_cast<uint32_t>(user_data) >> (32 - kIndexBits),
          static_cast<uint32_t>(user_data >> 32)};
}

UringTransport::Conn& UringTransport::live(ConnId conn) {
  POLLUX_ASSERT(conn.index < conns_.size());
  Conn& found = conns_[conn.index];
  POLLUX_ASSERT(found.generation == conn.generation && found.peer != nullptr);
  return found;
}

const PeerInfo& UringTransport::peer(ConnId conn) {
  return *live(conn).peer;
}

// ---- the turn ----

size_t UringTransport::poll(std::span<TransportEvent> events) {
  begin_poll();
  Sink sink(events);
  settle_quick_sends();
  deliver_settled(sink);
  unsigned last = ring_.last_completion();
  while (!sink.full() && ring_.first_completion() != last) {
    on_completion(ring_.completion(ring_.first_completion()), sink);
    ring_.consume();
  }
  deliver_settled(sink);
  return sink.count();
}

void UringTransport::begin_poll() {
  if (!attached_) [[unlikely]] {
    attach();
  }
  buffers_.give_back(has_outsider());
  for (uint32_t index : dead_) {
    conns_[index].peer.reset();
    free_.push_back(index);
  }
  dead_.clear();
  for (uint32_t index : starved_) {
    conns_[index].starved = false;
    if (!conns_[index].closing && !conns_[index].paused) {
      arm_recv(index);
    }
  }
  starved_.clear();
  bool empty = ring_.first_completion() == ring_.last_completion();
  if (ring_.overflowed() ||
      (empty && (ring_.has_deferred_work() || ring_.prepared() != ring_.taken()))) {
    ring_.enter(0, 0);
  }
}

void UringTransport::flush() {
  if (!attached_) [[unlikely]] {
    attach();
  }
  if (ring_.prepared() != ring_.taken()) {
    ring_.enter(0, 0);
  }
}

void UringTransport::sleep(int64_t timeout_us) {
  if (!attached_) [[unlikely]] {
    attach();
  }
  bool wait = timeout_us != 0 && !has_undelivered();
  if (!wake_.before_sleep()) {
    wait = false;
  }
  ring_.enter(wait ? gather_.count(monotonic_ns()) : 0, timeout_us, options_.gather_us);
  wake_.after_sleep();
}

void UringTransport::wake() {
  wake_.wake();
}

// True if the next poll has something without waiting for the kernel.
bool UringTransport::has_undelivered() const {
  return ring_.first_completion() != ring_.last_completion() || !quick_.empty() || !sent_.empty() ||
         !to_close_.empty() || !starved_.empty();
}

void UringTransport::deliver_settled(Sink& sink) {
  while (!sent_.empty() && !sink.full()) {
    uint32_t index = sent_.back();
    sent_.pop_back();
    Conn& conn = conns_[index];
    conn.send_state = SendState::kIdle;
    if (conn.closing) {
      close_if_free(index);
    } else {
      sink.put(TransportEvent::Kind::kSent, id_of(index), {}, conn.send_done);
    }
  }
  while (!to_close_.empty() && !sink.full()) {
    uint32_t index = to_close_.back();
    to_close_.pop_back();
    sink.put(TransportEvent::Kind::kClosed, id_of(index));
    dead_.push_back(index);
  }
}

void UringTransport::on_completion(const io_uring_cqe& cqe, Sink& sink) {
  Tag tag = unpack(cqe.user_data);
  switch (tag.op) {
    case Op::kRecv:
      POLLUX_ASSERT(conns_[tag.index].generation == tag.generation);
      on_recv(tag.index, cqe, sink);
      break;
    case Op::kSend:
      POLLUX_ASSERT(conns_[tag.index].generation == tag.generation);
      on_send(tag.index, cqe.res);
      break;
    case Op::kAccept:
      on_accept(tag.index, cqe, sink);
      break;
    case Op::kAcceptRetry:
      if (accepts(tag.index)) {
        arm_accept(tag.index);
      } else {
        listeners_[tag.index].fd.reset(-1);
      }
      break;
    case Op::kWake:
      gather_.on_wake();
      wake_.arm(ring_, pack(Op::kWake, 0, 0));
      break;
    case Op::kIgnored:
      break;
  }
}

// ---- connections come ----

void UringTransport::on_accept(uint32_t listener, const io_uring_cqe& cqe, Sink& sink) {
  Listener& from = listeners_[listener];
  bool more = (cqe.flags & IORING_CQE_F_MORE) != 0;
  if (cqe.res >= 0 && !accepts(listener)) {
    ::close(cqe.res);
  } else if (cqe.res >= 0) {
    accept_error_told_ = false;
    open_connection(cqe.res, from.unix_socket, sink);
  }
  if (more) {
    return;
  }
  if (!accepts(listener)) {
    from.fd.reset(-1);
  } else if (cqe.res < 0) {
    on_accept_error(listener, -cqe.res);
  } else {
    arm_accept(listener);
  }
}

void UringTransport::on_accept_error(uint32_t listener, int error) {
  if (!is_shortage(error)) {
    arm_accept(listener);  // that one connection failed
    return;
  }
  if (!accept_error_told_) {
    accept_error_told_ = true;
    log_line(LogLevel::kWarning, "Accepting client connection: %s", std::strerror(error));
  }
  io_uring_sqe* sqe = ring_.next_sqe();
  io_uring_prep_timeout(sqe, &accept_retry_delay, 0, 0);
  sqe->user_data = pack(Op::kAcceptRetry, listener, 0);
}

void UringTransport::open_connection(int fd, bool unix_socket, Sink& sink) {
  uint32_t index;
  if (free_.empty()) {
    index = static_cast<uint32_t>(conns_.size());
    POLLUX_ASSERT(index < 1U << kIndexBits);
    conns_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Conn& conn = conns_[index];
  uint32_t generation = conn.generation + 1;
  conn = Conn{};
  conn.fd = fd;
  conn.generation = generation;
  conn.open = true;
  conn.peer = std::make_unique<PeerInfo>(describe_connection(fd, unix_socket));
  ++connections_;
  arm_recv(index);
  sink.put(TransportEvent::Kind::kOpen, id_of(index));
}

void UringTransport::arm_accept(uint32_t listener) {
  const Listener& from = listeners_[listener];
  io_uring_sqe* sqe = ring_.next_sqe();
  if (from.unix_socket) {
    // All workers wait on the one unix socket, and the kernel wakes them in the order in which
    // they began to wait: one connection per request is what makes them take turns.
    io_uring_prep_accept(sqe, from.fd.get(), nullptr, nullptr, SOCK_CLOEXEC);
  } else {
    io_uring_prep_multishot_accept(sqe, from.fd.get(), nullptr, nullptr, SOCK_CLOEXEC);
  }
  sqe->user_data = pack(Op::kAccept, listener, 0);
}

// The new listeners come first: on an error the old ones have missed nothing. Their numbers are new
// too, so completions that are still under way find the listener they belong to.
std::string UringTransport::listen(const ListenOn& where, bool taken_is_error) {
  UringOptions wanted = options_;
  wanted.bind = where.bind;
  wanted.port = where.port;
  wanted.tcp_keepalive_s = where.keepalive_s;
  wanted.numeric_only = true;
  if (wanted.bind == options_.bind && wanted.port == options_.port) {
    for (const Listener& listener : listeners_) {
      if (!listener.unix_socket && listener.fd) {
        set_listener_keepalive(listener.fd.get(), wanted.tcp_keepalive_s);
      }
    }
    options_ = wanted;
    return "";
  }
  UringOptions tcp = wanted;
  tcp.unix_path.clear();
  std::string error = taken_is_error ? check_addresses_free(tcp) : "";
  std::vector<Listener> fresh;
  if (error.empty()) {
    error = open_tcp_listeners(wanted, fresh);
  }
  if (!error.empty()) {
    return error;
  }
  options_ = wanted;
  const auto before = static_cast<uint32_t>(listeners_.size());
  for (uint32_t i = 0; i < before; ++i) {
    if (!listeners_[i].unix_socket && !listeners_[i].retired) {
      retire(i);
    }
  }
  for (Listener& listener : fresh) {
    listeners_.push_back(std::move(listener));
    if (attached_) {
      arm_accept(static_cast<uint32_t>(listeners_.size()) - 1);
    }
  }
  return "";
}

void UringTransport::retire(uint32_t listener) {
  listeners_[listener].retired = true;
  if (!attached_) {
    listeners_[listener].fd.reset(-1);
    return;
  }
  // From here on nobody can connect to it, so nobody waits in its queue who will never be accepted.
  ::shutdown(listeners_[listener].fd.get(), SHUT_RD);
  cancel(pack(Op::kAccept, listener, 0));
  cancel(pack(Op::kAcceptRetry, listener, 0));
}

void UringTransport::stop_accepting() {
  if (!accepting_) {
    return;
  }
  accepting_ = false;
  if (!attached_) {
    listeners_.clear();
    return;
  }
  for (uint32_t i = 0; i < listeners_.size(); ++i) {
    cancel(pack(Op::kAccept, i, 0));
    cancel(pack(Op::kAcceptRetry, i, 0));
  }
  ring_.enter(0, 0);
}

// ---- bytes come ----

// Whether all buffers went to others before a connection got one. In the order in which they are
// armed it might be so at each poll.
bool UringTransport::has_outsider() const {
  return std::any_of(starved_.begin(), starved_.end(),
                     [this](uint32_t index) { return !conns_[index].fed; });
}

void UringTransport::arm_recv(uint32_t index) {
  Conn& conn = conns_[index];
  io_uring_sqe* sqe = ring_.next_sqe();
  io_uring_prep_recv_multishot(sqe, conn.fd, nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = RecvBuffers::kGroup;
  sqe->user_data = pack(Op::kRecv, index, conn.generation);
  conn.recv_armed = true;
  conn.fed = false;
}

void UringTransport::on_recv(uint32_t index, const io_uring_cqe& cqe, Sink& sink) {
  Conn& conn = conns_[index];
  bool more = (cqe.flags & IORING_CQE_F_MORE) != 0;
  std::string_view bytes;
  if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
    bytes = buffers_.lend(cqe);
  }
  conn.recv_armed = more;
  if (conn.closing) {
    conn.dropped |= cqe.res > 0;
    close_if_free(index);
    return;
  }
  if (cqe.res > 0) {
    conn.fed = true;
    gather_.on_arrival(conn.window);
    sink.put(TransportEvent::Kind::kData, id_of(index), bytes);
    if (!more && !conn.paused) {
      arm_recv(index);
    }
    return;
  }
  if (more) {
    return;
  }
  switch (-cqe.res) {
    case ENOBUFS:
      conn.starved = true;
      starved_.push_back(index);
      break;
    case ECANCELED:
    case EINTR:
    case EAGAIN:
      if (!conn.paused) {
        arm_recv(index);
      }
      break;
    default:  // 0, the peer's end; or the connection broke
      conn.recv_ended = true;
      sink.put(TransportEvent::Kind::kEnd, id_of(index));
  }
}

void UringTransport::pause(ConnId id) {
  Conn& conn = live(id);
  if (conn.closing || conn.paused) {
    return;
  }
  conn.paused = true;
  if (conn.recv_armed) {
    cancel(pack(Op::kRecv, id.index, id.generation));
  }
}

void UringTransport::resume(ConnId id) {
  Conn& conn = live(id);
  if (conn.closing || !conn.paused) {
    return;
  }
  conn.paused = false;
  // If the request is still there, its cancellation is under way and on_recv arms the next one.
  if (!conn.recv_armed && !conn.recv_ended && !conn.starved) {
    arm_recv(id.index);
  }
}

// Ends the requests of that user_data; their own completions tell.
void UringTransport::cancel(uint64_t user_data) {
  io_uring_sqe* sqe = ring_.next_sqe();
  io_uring_prep_cancel64(sqe, user_data, 0);
  sqe->user_data = pack(Op::kIgnored, 0, 0);
}

// ---- bytes go ----

void UringTransport::send(ConnId id, std::span<const TxSlice> slices) {
  Conn& conn = live(id);
  POLLUX_ASSERT(!conn.closing && conn.send_state == SendState::kIdle);
  POLLUX_ASSERT(!slices.empty() && slices.size() <= kTxSlicesMax);
  conn.send_done = 0;
  if (slices.size() == 1) {
    conn.slice = {const_cast<char*>(slices[0].bytes.data()), slices[0].bytes.size()};
    conn.send_total = conn.slice.iov_len;
    prepare_send(id.index, conn.send_total <= kQuickSendMax);
    return;
  }
  if (free_blocks_.empty()) {
    blocks_.push_back(std::make_unique<SliceBlock>());
    free_blocks_.push_back(blocks_.back().get());
  }
  SliceBlock* block = free_blocks_.back();
  free_blocks_.pop_back();
  conn.block = block;
  conn.send_total = 0;
  for (size_t i = 0; i < slices.size(); ++i) {
    block->slices[i] = {const_cast<char*>(slices[i].bytes.data()), slices[i].bytes.size()};
    conn.send_total += slices[i].bytes.size();
  }
  block->header = {};
  block->header.msg_iov = block->slices.data();
  block->header.msg_iovlen = slices.size();
  prepare_send(id.index, conn.send_total <= kQuickSendMax);
}

// A quick send is tried within the call that submits it and never waits: it leaves a completion
// only if not all bytes went (MSG_WAITALL makes that a failure), so in the usual case none is made
// or read, and when the call returns the bytes are free.
void UringTransport::prepare_send(uint32_t index, bool quick) {
  Conn& conn = conns_[index];
  io_uring_sqe* sqe = ring_.next_sqe();
  unsigned flags = MSG_WAITALL | MSG_NOSIGNAL;
  if (quick) {
    flags |= MSG_DONTWAIT;
  }
  if (conn.block == nullptr) {
    size_t bytes = std::min(conn.slice.iov_len, kQuickSendMax);  // on_send asks for the rest
    io_uring_prep_send(sqe, conn.fd, conn.slice.iov_base, bytes, static_cast<int>(flags));
  } else {
    io_uring_prep_sendmsg(sqe, conn.fd, &conn.block->header, flags);
  }
  sqe->user_data = pack(Op::kSend, index, conn.generation);
  conn.send_state = quick ? SendState::kQuick : SendState::kSlow;
  if (quick) {
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    quick_.push_back({index, ring_.prepared() - 1});
  }
}

// Finds out about quick sends whose entries the kernel has taken: the failed ones have completions
// in the queue, all others are done.
void UringTransport::settle_quick_sends() {
  if (quick_.empty() || ring_.overflowed()) {
    return;
  }
  unsigned taken = ring_.taken();
  unsigned last = ring_.last_completion();
  for (unsigned at = ring_.first_completion(); at != last; ++at) {
    Tag tag = unpack(ring_.completion(at).user_data);
    if (tag.op == Op::kSend && conns_[tag.index].send_state == SendState::kQuick) {
      conns_[tag.index].send_state = SendState::kSlow;  // on_send goes on from there
    }
  }
  size_t settled = 0;
  for (; settled < quick_.size(); ++settled) {
    const QuickSend& quick = quick_[settled];
    if (static_cast<int>(taken - quick.entry) <= 0) {
      break;
    }
    Conn& conn = conns_[quick.index];
    if (conn.send_state == SendState::kQuick) {
      conn.send_done = conn.send_total;
      end_send(quick.index);
    }
  }
  quick_.erase(quick_.begin(), quick_.begin() + static_cast<std::ptrdiff_t>(settled));
}

// A completion of a send: a quick one that could not hand over all, or a slow one that has ended.
void UringTransport::on_send(uint32_t index, int result) {
  Conn& conn = conns_[index];
  POLLUX_ASSERT(conn.send_state == SendState::kSlow);
  if (result > 0) {
    skip_sent(conn, static_cast<size_t>(result));
  }
  bool again = result > 0 || result == -EAGAIN || result == -EINTR;
  if (again && conn.send_done < conn.send_total && !conn.closing) {
    prepare_send(index, false);
    return;
  }
  end_send(index);
}

void UringTransport::skip_sent(Conn& conn, size_t bytes) {
  conn.send_done += bytes;
  if (conn.block == nullptr) {
    conn.slice.iov_base = static_cast<char*>(conn.slice.iov_base) + bytes;
    conn.slice.iov_len -= bytes;
    return;
  }
  msghdr& header = conn.block->header;
  while (header.msg_iovlen > 0 && bytes >= header.msg_iov->iov_len) {
    bytes -= header.msg_iov->iov_len;
    ++header.msg_iov;
    --header.msg_iovlen;
  }
  if (bytes > 0) {
    header.msg_iov->iov_base = static_cast<char*>(header.msg_iov->iov_base) + bytes;
    header.msg_iov->iov_len -= bytes;
  }
}

void UringTransport::end_send(uint32_t index) {
  Conn& conn = conns_[index];
  if (conn.block != nullptr) {
    free_blocks_.push_back(conn.block);
    conn.block = nullptr;
  }
  conn.send_state = SendState::kDone;
  sent_.push_back(index);
}

// ---- connections go ----

void UringTransport::close(ConnId id) {
  Conn& conn = live(id);
  if (conn.closing) {
    return;
  }
  conn.closing = true;
  if (conn.recv_armed || conn.send_state == SendState::kSlow ||
      conn.send_state == SendState::kQuick) {
    // Ends the requests that wait in the kernel: the receive with 0, the send with EPIPE.
    shutdown(conn.fd, SHUT_RDWR);
  }
  close_if_free(id.index);
}

// The last step of close, once no request refers to the connection.
void UringTransport::close_if_free(uint32_t index) {
  Conn& conn = conns_[index];
  if (conn.recv_armed || conn.send_state != SendState::kIdle) {
    return;
  }
  if (conn.starved) {
    std::erase(starved_, index);
  }
  if (conn.dropped) {
    // The kernel resets a connection that is closed with bytes unread; these were read, so it must
    // be told. Without it a peer that goes on sending into a full window waits for a minute.
    constexpr linger kReset{.l_onoff = 1, .l_linger = 0};
    setsockopt(conn.fd, SOL_SOCKET, SO_LINGER, &kReset, sizeof(kReset));
  }
  ::close(conn.fd);
  conn.open = false;
  --connections_;
  to_close_.push_back(index);
}

}  // namespace pollux
