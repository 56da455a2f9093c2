#include "distributed/network.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "util/error.h"

namespace superpose::distributed {
namespace {

class Socket {
 public:
  Socket(int family, int type) : descriptor_(::socket(family, type | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

// The local end of a datagram socket connected to `remote`; empty where there is no way there.
std::string local_end(const addrinfo& remote) {
  const Socket socket(remote.ai_family, SOCK_DGRAM);
  if (socket.get() < 0) return "";
  if (::connect(socket.get(), remote.ai_addr, remote.ai_addrlen) != 0) return "";
  sockaddr_storage local{};
  socklen_t length = sizeof(local);
  auto* address = reinterpret_cast<sockaddr*>(&local);
  if (::getsockname(socket.get(), address, &length) != 0) return "";
  char text[NI_MAXHOST] = {};
  if (::getnameinfo(address, length, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) != 0)
    return "";
  return text;
}

}  // namespace

int free_port() {
  const Socket socket(AF_INET, SOCK_STREAM);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool bound = socket.get() >= 0 && ::bind(socket.get(), generic, length) == 0 &&
                     ::getsockname(socket.get(), generic, &length) == 0;
  util::require(bound, "launch: no free port on 127.0.0.1: ", std::strerror(errno));
  return ntohs(address.sin_port);
}

std::string address_towards(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  const int status = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  util::require(status == 0, "distributed: MASTER_ADDR ", host, ": ", ::gai_strerror(status));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  for (const addrinfo* remote = list; remote != nullptr; remote = remote->ai_next) {
    std::string address = local_end(*remote);
    if (!address.empty()) return address;
  }
  util::fail("distributed: MASTER_ADDR ", host, ": no network interface leads there");
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

}  // namespace superpose::distributed
