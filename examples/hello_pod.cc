// A virtual machine with one container in it, and what the container says: hello_pod ROOTFS
#include <iostream>
#include <virtcontainers/runtime.h>

namespace vc = virtcontainers;

vc::Status StartAndListen(vc::Runtime& runtime) {
  if (auto started = runtime.StartPod("hello"); !started) return started;
  auto process = runtime.AttachContainer("hello", "main");
  if (!process) return tl::make_unexpected(process.error());
  char text[256];
  auto size = (*process)->ReadStdout(text);
  for (; size && *size > 0; size = (*process)->ReadStdout(text)) std::cout.write(text, *size);
  return size.map([](size_t) {});
}

int main(int argc, char** argv) {
  vc::PodConfig pod;
  pod.id = "hello";
  vc::ContainerConfig& container = pod.containers.emplace_back();
  container.id = "main";
  container.rootfs = argc == 2 ? argv[1] : "";
  container.process.args = {"uname", "-sr"};
  container.output = vc::ContainerOutput::kAttach;

  auto runtime = vc::Runtime::Open();
  vc::Status status = runtime.and_then([&](vc::Runtime& opened) { return opened.CreatePod(pod); });
  if (status) {
    status = StartAndListen(*runtime);
    (void)runtime->StopPod("hello");
    (void)runtime->DeletePod("hello");
  }
  if (!status) std::cerr << "hello_pod: " << status.error().ToString() << "\n";
  return status ? 0 : 1;
}
