// virtc network add, remove, list; virtc route add, remove; virtc pod port

#include <fmt/format.h>

#include "base/errors.h"
#include "commands.h"
#include "network_options.h"
#include "network_report.h"
#include "status_report.h"

namespace virtc {

using virtcontainers::NetworkConfig;
using virtcontainers::NetworkKind;
using virtcontainers::PodStatus;
using virtcontainers::Route;
using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

class NetworkAdd : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("POD", pod_, "the pod, which runs")
        .Argument("KIND", text_, "user, cni[:LIST], namespace:PATH, tap:DEVICE or bridge:NAME, with options")
        .List("-p,--publish", "[IP:]HOST:GUEST[/udp]", ports_, "a port of the host; any number");
  }

  Status Prepare(const CommandWords&) override {
    VC_ASSIGN_OR_RETURN(network_, ParseNetwork(text_));
    for (const std::string& port : ports_) {
      VC_ASSIGN_OR_RETURN(network_.forwards.emplace_back(), ParseForward(port));
    }
    return {};
  }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    VIRTC_ASSIGN_OR_RETURN(const auto added, runtime->AddNetwork(pod_, network_));
    return Outcome{Report{NetworkJson(added), {added.name}}};
  }

 private:
  std::string pod_, text_;
  std::vector<std::string> ports_;
  NetworkConfig network_;
};

class NetworkRemove : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("POD", pod_, "the pod, which runs").Argument("NETWORK", network_, "the network's name");
  }

  Status Prepare(const CommandWords&) override { return {}; }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    VIRTC_RETURN_IF_ERROR(runtime->RemoveNetwork(pod_, network_));
    return Outcome{Deleted(network_)};
  }

 private:
  std::string pod_, network_;
};

// What a pod's networks are asked for.
enum class NetworkView { kNetworks, kPorts };

class NetworkList : public Command {
 public:
  explicit NetworkList(NetworkView view) : view_(view) {}

  void Declare(Options& options) override { options.Argument("POD", pod_, "the pod"); }

  Status Prepare(const CommandWords&) override { return {}; }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    VIRTC_ASSIGN_OR_RETURN(const PodStatus status, runtime->PodStatus(pod_));
    return Outcome{view_ == NetworkView::kPorts ? PortReport(status.networks)
                                                : NetworkReport(status.networks)};
  }

 private:
  const NetworkView view_;
  std::string pod_;
};

class RouteChange : public Command {
 public:
  explicit RouteChange(bool add) : add_(add) {}

  void Declare(Options& options) override {
    options.Argument("POD", pod_, "the pod, which runs")
        .Argument("NETWORK", network_, "the network's name")
        .Argument("ROUTE", text_, "DESTINATION[@GATEWAY], such as 10.0.0.0/8@10.1.0.1, or default@10.1.0.1");
  }

  Status Prepare(const CommandWords&) override {
    VC_ASSIGN_OR_RETURN(route_, ParseRoute(text_));
    return {};
  }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    if (add_) {
      VIRTC_RETURN_IF_ERROR(runtime->AddRoute(pod_, network_, route_));
    } else {
      VIRTC_RETURN_IF_ERROR(runtime->RemoveRoute(pod_, network_, route_));
    }
    return Outcome{Deleted(text_)};
  }

 private:
  const bool add_;
  std::string pod_, network_, text_;
  Route route_;
};

}  // namespace

std::unique_ptr<Command> MakeNetworkAdd() { return std::make_unique<NetworkAdd>(); }
std::unique_ptr<Command> MakeNetworkRemove() { return std::make_unique<NetworkRemove>(); }
std::unique_ptr<Command> MakeNetworkList() { return std::make_unique<NetworkList>(NetworkView::kNetworks); }
std::unique_ptr<Command> MakePodPort() { return std::make_unique<NetworkList>(NetworkView::kPorts); }
std::unique_ptr<Command> MakeRouteAdd() { return std::make_unique<RouteChange>(true); }
std::unique_ptr<Command> MakeRouteRemove() { return std::make_unique<RouteChange>(false); }

}  // namespace virtc
