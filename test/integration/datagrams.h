// Many datagrams to a server that answers each with itself, for both ends of a test.

#ifndef VIRTCONTAINERS_TEST_INTEGRATION_DATAGRAMS_H_
#define VIRTCONTAINERS_TEST_INTEGRATION_DATAGRAMS_H_

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace virtcontainers::test {

// The datagram with that number; of a size that follows from it.
inline std::string NumberedDatagram(uint32_t number) {
  std::string datagram = "n" + std::to_string(number) + " ";
  datagram.resize(datagram.size() + number * 97 % 1300, static_cast<char>('a' + number % 26));
  return datagram;
}

// Sends the datagrams 0 to `count` - 1 by a connected socket, a few at a time. Returns how many came back
// unchanged; ends when none has come for two seconds.
inline uint32_t ExchangeDatagrams(int socket, uint32_t count) {
  constexpr uint32_t kAhead = 8;
  constexpr int kPatienceMs = 2000;
  std::vector<bool> back(count);
  std::array<char, 2048> buffer;
  uint32_t sent = 0, came = 0;
  while (came < count) {
    for (; sent < count && sent < came + kAhead; ++sent) {
      const std::string datagram = NumberedDatagram(sent);
      if (::send(socket, datagram.data(), datagram.size(), 0) < 0) return came;
    }
    pollfd waiting{socket, POLLIN, 0};
    if (::poll(&waiting, 1, kPatienceMs) <= 0) return came;
    const ssize_t size = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (size < 0) return came;
    const std::string datagram(buffer.data(), static_cast<size_t>(size));
    for (uint32_t number = 0; number < sent; ++number) {
      if (back[number] || datagram != NumberedDatagram(number)) continue;
      back[number] = true;
      ++came;
      break;
    }
  }
  return came;
}

}  // namespace virtcontainers::test

#endif  // VIRTCONTAINERS_TEST_INTEGRATION_DATAGRAMS_H_
