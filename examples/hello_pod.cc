// A virtual machine with one container in it, and what the container says: hello_pod ROOTFS
#include <iostream>
#include <virtcontainers/runtime.h>

namespace vc = virtcontainers;

vc::Status StartAndListen(const vc::Pod& pod) {
  if (auto started = pod.Start(); !started) return started;
  auto process = pod.container("main").Attach();
  if (!process) return tl::make_unexpected(process.error());
  char text[256];
  auto size = (*process)->ReadStdout(text);
  for (; size && *size > 0; size = (*process)->ReadStdout(text)) std::cout.write(text, *size);
  return size.map([](size_t) {});
}

int main(int argc, char** argv) {
  vc::PodConfig config;
  config.id = "hello";
  vc::ContainerConfig& container = config.containers.emplace_back();
  container.id = "main";
  container.rootfs = argc == 2 ? argv[1] : "";
  container.process.args = {"uname", "-sr"};
  container.output = vc::ContainerOutput::kAttach;

  auto runtime = vc::Runtime::Open();
  vc::Status status = runtime.and_then([&](vc::Runtime& opened) { return opened.CreatePod(config); });
  if (status) {
    const vc::Pod pod = runtime->pod("hello");
    status = StartAndListen(pod);
    (void)pod.Stop();
    (void)pod.Delete();
  }
  if (!status) std::cerr << "hello_pod: " << status.error().ToString() << "\n";
  return status ? 0 : 1;
}
