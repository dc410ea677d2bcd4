// A network of the test's own, in the place of the host's: what a test makes in it is gone with the test.

#ifndef VIRTCONTAINERS_TEST_INTEGRATION_NETWORK_LAB_H_
#define VIRTCONTAINERS_TEST_INTEGRATION_NETWORK_LAB_H_

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "integration/fixture.h"

namespace virtcontainers::test {

// Moves the test program into a network namespace and a mount namespace of its own, where its monitors and
// helpers are, too. Called before a thread is started. Returns why it could not; empty on success.
std::string EnterNetworkLab();

// Runs commands, one on a line, of which all must succeed.
void RunAll(const std::string& commands);

// The output of a shell's command line.
std::string OutputOf(const std::string& command);

// Names, one on a line, of what the laboratory has: links, network namespaces with names, rules.
std::string LinksAndRules();

// A TCP or UDP server in the laboratory that handles each connection on a thread of its own; for UDP, each
// datagram is answered with itself, or with what a function makes of it.
class LabServer {
 public:
  using Handler = std::function<void(int connection)>;
  struct Responder {
    std::function<std::string(const std::string& datagram)> answer;
  };
  // `address`: "0.0.0.0", "::", "127.0.0.1".
  LabServer(const std::string& address, uint16_t port, Handler handler);
  // UDP.
  LabServer(const std::string& address, uint16_t port);
  LabServer(const std::string& address, uint16_t port, Responder responder);
  ~LabServer();
  LabServer(const LabServer&) = delete;
  LabServer& operator=(const LabServer&) = delete;

 private:
  void Accept();
  void Answer();

  UniqueFd socket_, stop_;
  Handler handler_;
  Responder responder_;
  std::vector<std::thread> connections_;
  std::thread thread_;
};

// Connects to a TCP port; an invalid descriptor if nobody answers within two seconds.
UniqueFd ConnectTo(const std::string& address, uint16_t port);

// A UDP socket that is connected to an address.
UniqueFd DatagramsTo(const std::string& address, uint16_t port);

// The answer of a name server that knows one address, of four bytes, for every name. (RFC 1035, section 4)
std::string AnswerQuery(std::string query, const std::string& address);

// All bytes until the end, or what has come after twenty seconds.
std::string ReadToEnd(int fd);
void SendAll(int fd, std::string_view bytes);

}  // namespace virtcontainers::test

#endif  // VIRTCONTAINERS_TEST_INTEGRATION_NETWORK_LAB_H_
