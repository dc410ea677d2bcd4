#include "usernet/slirp_stack.h"

#include <libslirp.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <netinet/in.h>
#include <string>
#include <utility>

#include "base/errors.h"
#include "network/host_port.h"

namespace virtcontainers {
namespace {

constexpr int kBacklog = 1024;
// What a guest can make the process say.
constexpr int kMostComplaints = 100;

Status ParseInto(int family, const std::string& text, void* address) {
  if (::inet_pton(family, text.c_str(), address) == 1) return {};
  return Fail(Code::kInvalidArgument, Quoted(text) + " is no address");
}

unsigned ToSlirp(short events) {
  unsigned result = 0;
  if ((events & POLLIN) != 0) result |= SLIRP_POLL_IN;
  if ((events & POLLOUT) != 0) result |= SLIRP_POLL_OUT;
  if ((events & POLLPRI) != 0) result |= SLIRP_POLL_PRI;
  if ((events & POLLERR) != 0) result |= SLIRP_POLL_ERR;
  if ((events & POLLHUP) != 0) result |= SLIRP_POLL_HUP;
  return result;
}

short FromSlirp(int events) {
  int result = 0;
  if ((events & SLIRP_POLL_IN) != 0) result |= POLLIN;
  if ((events & SLIRP_POLL_OUT) != 0) result |= POLLOUT;
  if ((events & SLIRP_POLL_PRI) != 0) result |= POLLPRI;
  return static_cast<short>(result);
}

}  // namespace

class SlirpStack::Impl {
 public:
  Impl(UsernetOptions options, std::function<void(std::string_view)> output)
      : options_(std::move(options)), output_(std::move(output)) {}
  ~Impl() {
    if (slirp_ != nullptr) slirp_cleanup(slirp_);
  }

  Status Start();
  Status Forward(const PortForward& forward);
  Status ForwardOne(const std::string& host, uint16_t host_port, uint16_t guest_port,
                    NetworkProtocol protocol);
  void Input(std::string_view frame) {
    slirp_input(slirp_, reinterpret_cast<const uint8_t*>(frame.data()), static_cast<int>(frame.size()));
  }
  uint32_t Prepare(std::vector<pollfd>& fds, bool hold, uint32_t timeout);
  void Step(const std::vector<pollfd>& fds);

 private:
  static Impl& Self(void* opaque) { return *static_cast<Impl*>(opaque); }
  static SlirpCb Callbacks();

  const UsernetOptions options_;
  const std::function<void(std::string_view)> output_;
  Slirp* slirp_ = nullptr;
  int complaints_ = 0;
  int last_registered_ = -1;                   // the descriptor that libslirp made last
  std::vector<pollfd>* adding_ = nullptr;      // during Prepare
  const std::vector<pollfd>* done_ = nullptr;  // during Step
  bool hold_ = false;
};

SlirpCb SlirpStack::Impl::Callbacks() {
  SlirpCb callbacks{};
  callbacks.send_packet = [](const void* bytes, size_t size, void* opaque) -> ssize_t {
    Self(opaque).output_({static_cast<const char*>(bytes), size});
    return static_cast<ssize_t>(size);
  };
  callbacks.guest_error = [](const char* message, void* opaque) {
    if (Self(opaque).complaints_++ < kMostComplaints) std::fprintf(stderr, "guest: %s\n", message);
  };
  callbacks.clock_get_ns = [](void*) { return MonotonicNow(); };
  // The only timer is that of router advertisements, and the guest is configured by the host.
  callbacks.timer_new = [](SlirpTimerCb, void*, void* opaque) { return opaque; };
  callbacks.timer_free = [](void*, void*) {};
  callbacks.timer_mod = [](void*, int64_t, void*) {};
  callbacks.register_poll_fd = [](int fd, void* opaque) { Self(opaque).last_registered_ = fd; };
  callbacks.unregister_poll_fd = [](int, void*) {};
  callbacks.notify = [](void*) {};
  callbacks.init_completed = [](Slirp*, void*) {};
  callbacks.timer_new_opaque = [](SlirpTimerId, void*, void* opaque) { return opaque; };
  return callbacks;
}

Status SlirpStack::Impl::Start() {
  SlirpConfig config{};
  config.version = 4;
  config.in_enabled = true;
  VC_RETURN_IF_ERROR(ParseInto(AF_INET, options_.ipv4.network, &config.vnetwork));
  VC_RETURN_IF_ERROR(ParseInto(AF_INET, options_.ipv4.gateway, &config.vhost));
  VC_RETURN_IF_ERROR(ParseInto(AF_INET, options_.ipv4.nameserver, &config.vnameserver));
  // DHCP is off, and this is where libslirp looks for the guest all the same.
  VC_RETURN_IF_ERROR(ParseInto(AF_INET, options_.ipv4.guest, &config.vdhcp_start));
  if (options_.ipv4.prefix < 1 || options_.ipv4.prefix > 30)
    return Fail(Code::kInvalidArgument, "prefix " + std::to_string(options_.ipv4.prefix));
  config.vnetmask.s_addr = htonl(~0U << (32 - options_.ipv4.prefix));
  if (options_.ipv6) {
    config.in6_enabled = true;
    VC_RETURN_IF_ERROR(ParseInto(AF_INET6, options_.ipv6->network, &config.vprefix_addr6));
    VC_RETURN_IF_ERROR(ParseInto(AF_INET6, options_.ipv6->gateway, &config.vhost6));
    VC_RETURN_IF_ERROR(ParseInto(AF_INET6, options_.ipv6->nameserver, &config.vnameserver6));
    config.vprefix_len = options_.ipv6->prefix;
  }
  config.if_mtu = config.if_mru = options_.mtu;
  config.disable_host_loopback = !options_.host_loopback;
  config.disable_dhcp = true;
  static const SlirpCb callbacks = Callbacks();
  slirp_ = slirp_new(&config, &callbacks, this);
  if (slirp_ == nullptr) return Fail(Code::kInternal, "libslirp refused its configuration");
  return {};
}

Status SlirpStack::Impl::Forward(const PortForward& forward) {
  for (const std::string& host : HostAddressesOf(forward, options_.ipv6.has_value())) {
    for (int i = 0; i < forward.count; ++i) {
      VC_RETURN_IF_ERROR(ForwardOne(host, static_cast<uint16_t>(forward.host_port + i),
                                    static_cast<uint16_t>(forward.guest_port + i), forward.protocol));
    }
  }
  return {};
}

Status SlirpStack::Impl::ForwardOne(const std::string& host, uint16_t host_port, uint16_t guest_port,
                                    NetworkProtocol protocol) {
  VC_ASSIGN_OR_RETURN(const SocketAddress from, MakeSocketAddress(host, host_port));
  if (from.ipv6() && !options_.ipv6) {
    return Fail(Code::kInvalidArgument,
                "port " + std::to_string(host_port) + " of " + host + ": the network has no IPv6");
  }
  VC_ASSIGN_OR_RETURN(
      const SocketAddress to,
      MakeSocketAddress(from.ipv6() ? options_.ipv6->guest : options_.ipv4.guest, guest_port));
  // libslirp shares a port with others that allow it.
  VC_RETURN_IF_ERROR(CheckHostPort(host, host_port, protocol));
  const bool udp = protocol == NetworkProtocol::kUdp;
  const int flags = (udp ? SLIRP_HOSTFWD_UDP : 0) | (from.ipv6() ? SLIRP_HOSTFWD_V6ONLY : 0);
  last_registered_ = -1;
  if (slirp_add_hostxfwd(slirp_, from.get(), from.size, to.get(), to.size, flags) != 0)
    return Fail(HostPortError(host, host_port, protocol, errno));
  // libslirp's own queue has room for one connection.
  if (!udp && last_registered_ >= 0 && ::listen(last_registered_, kBacklog) != 0) return FailErrno("listen");
  return {};
}

uint32_t SlirpStack::Impl::Prepare(std::vector<pollfd>& fds, bool hold, uint32_t timeout) {
  adding_ = &fds;
  hold_ = hold;
  slirp_pollfds_fill(
      slirp_, &timeout,
      [](int fd, int events, void* opaque) {
        Impl& self = Self(opaque);
        short wanted = FromSlirp(events);
        if (self.hold_) wanted = static_cast<short>(wanted & POLLOUT);
        // poll(2) tells the end of a connection to those who did not ask, again and again.
        self.adding_->push_back({wanted == 0 ? -1 : fd, wanted, 0});
        return static_cast<int>(self.adding_->size()) - 1;
      },
      this);
  adding_ = nullptr;
  return timeout;
}

void SlirpStack::Impl::Step(const std::vector<pollfd>& fds) {
  done_ = &fds;
  slirp_pollfds_poll(
      slirp_, 0,
      [](int index, void* opaque) {
        const std::vector<pollfd>& all = *Self(opaque).done_;
        const auto at = static_cast<size_t>(index);
        return static_cast<int>(at < all.size() ? ToSlirp(all[at].revents) : 0);
      },
      this);
  done_ = nullptr;
}

SlirpStack::SlirpStack(UsernetOptions options, std::function<void(std::string_view)> output)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(output))) {}
SlirpStack::~SlirpStack() = default;

Result<std::unique_ptr<SlirpStack>> SlirpStack::Create(const UsernetOptions& options,
                                                       std::function<void(std::string_view)> output) {
  std::unique_ptr<SlirpStack> stack(new SlirpStack(options, std::move(output)));
  VC_RETURN_IF_ERROR(stack->impl_->Start());
  return stack;
}

Status SlirpStack::Forward(const PortForward& forward) { return impl_->Forward(forward); }
void SlirpStack::Input(std::string_view frame) { impl_->Input(frame); }
uint32_t SlirpStack::Prepare(std::vector<pollfd>& fds, bool hold, uint32_t timeout) {
  return impl_->Prepare(fds, hold, timeout);
}
void SlirpStack::Step(const std::vector<pollfd>& fds) { impl_->Step(fds); }

std::string_view SlirpVersion() { return slirp_version_string(); }

int64_t MonotonicNow() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace virtcontainers
