#include <map>

#include "dataplane/tcp/stack/stack_test_support.h"
#include "tests/tcp_linux/host.h"

namespace pollux::tcp {
namespace {

class OurHost final : public Host {
 public:
  OurHost() {
    StackConfig config;
    config.interface.addresses = {{kHostAddress, 24}};
    stack_ = std::make_unique<Stack>(config, StackKeys{}, device_, now_);
    stack_->listen({{.address = std::nullopt, .port = kListenPort}});
    turn();
  }

  void rest() override {
    now_ = now_ + 10 * kSecondNs;
    turn();
    device_.sent.clear();
  }

  void give(const PacketBytes& packet) override {
    device_.arriving.push_back(frame_with({}, EtherType::kIpv4, [&](Room room) {
      std::ranges::copy(packet, room.begin());
      return packet.size();
    }));
    turn();
  }

  std::vector<PlainSegment> take(uint16_t peer_port) override {
    turn();
    std::vector<PlainSegment> segments;
    for (const Frame& frame : device_.sent) {
      const Packet packet = parse_packet(frame);
      if (packet.kind == PacketKind::kTcp && packet.tcp.destination_port == peer_port) {
        EXPECT_TRUE(transport_checksum_ok(packet));
        segments.push_back({.header = packet.tcp,
                            .options = parse_tcp_options(packet.tcp_options()),
                            .payload_bytes = static_cast<uint32_t>(packet.payload().size())});
      }
    }
    device_.sent.clear();
    return segments;
  }

  void write(uint16_t peer_port, size_t bytes) override {
    const std::string text(bytes, 'x');
    const Bytes piece = bytes_of(text);
    EXPECT_TRUE(stack_->write(conns_.at(peer_port), {&piece, 1}, UINT32_MAX));
    turn();
  }
  void finish(uint16_t peer_port) override {
    stack_->finish(conns_.at(peer_port));
    turn();
  }
  void close(uint16_t peer_port) override {
    stack_->close(conns_.at(peer_port), now_);
    turn();
  }

 private:
  void turn() {
    now_ = now_ + kMicrosecondNs;  // no timer of ours comes up within a conversation
    for (size_t count = 1; count != 0;) {
      count = stack_->receive(now_);
      stack_->tick(now_);
      while (const StackEvent* event = stack_->next_event()) {
        if (event->kind == StackEvent::Kind::kOpened) {
          conns_[stack_->flow(event->conn)->remote_port] = event->conn;
        }
      }
      stack_->flush(now_);
    }
    EXPECT_EQ(stack_->check(), "");
  }

  StackDevice device_;
  Moment now_{kSecondNs};
  std::unique_ptr<Stack> stack_;
  std::map<uint16_t, ConnId> conns_;
};

}  // namespace

std::unique_ptr<Host> make_our_host() {
  return std::make_unique<OurHost>();
}

}  // namespace pollux::tcp
