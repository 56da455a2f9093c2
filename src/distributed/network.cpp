#include "distributed/network.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "util/error.h"
#include "util/file_descriptor.h"

namespace superpose::distributed {
namespace {

// A connection of a machine to itself takes no longer, unless something swallows it.
constexpr int kOwnConnectionMs = 5000;

util::FileDescriptor open_socket(int family, int type) {
  return util::FileDescriptor(::socket(family, type | SOCK_CLOEXEC, 0));
}

// The local end of a datagram socket connected to `remote`; empty where there is no way there.
std::string local_end(const addrinfo& remote) {
  const util::FileDescriptor socket = open_socket(remote.ai_family, SOCK_DGRAM);
  if (!socket.is_open()) return "";
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

sockaddr_in address_of(in_addr_t host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(host);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

bool bind_to(const util::FileDescriptor& socket, sockaddr_in address) {
  return ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
}

// 0, or the error of a connection to `address`.
int try_to_connect(sockaddr_in address) {
  const util::FileDescriptor socket = open_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0)
    return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd polled{.fd = socket.get(), .events = POLLOUT, .revents = 0};
  if (::poll(&polled, 1, kOwnConnectionMs) != 1) return ETIMEDOUT;
  int error = 0;
  socklen_t length = sizeof(error);
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

}  // namespace

int free_port() {
  const util::FileDescriptor socket = open_socket(AF_INET, SOCK_STREAM);
  sockaddr_in address = address_of(INADDR_LOOPBACK, 0);
  socklen_t length = sizeof(address);
  const bool listens =
      bind_to(socket, address) && ::listen(socket.get(), 1) == 0 &&
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0;
  util::require(listens, "launch: no free port on 127.0.0.1: ", std::strerror(errno));
  const int error = try_to_connect(address);
  util::require(error == 0, "launch: this machine cannot reach itself at 127.0.0.1, where its ",
                "processes meet: ", std::strerror(error),
                "; is the loopback interface up (ip link set lo up)?");
  return ntohs(address.sin_port);
}

bool is_free(int port) {
  const util::FileDescriptor socket = open_socket(AF_INET, SOCK_STREAM);
  // As the store itself listens: connections of before that are not forgotten yet do not count.
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  const bool listens =
      bind_to(socket, address_of(INADDR_ANY, port)) && ::listen(socket.get(), 1) == 0;
  return listens || errno != EADDRINUSE;
}

std::vector<std::string> network_interfaces() {
  ifaddrs* list = nullptr;
  util::require(::getifaddrs(&list) == 0,
                "distributed: network interfaces: ", std::strerror(errno));
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  std::vector<std::string> names;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0) continue;
    const int family = entry->ifa_addr->sa_family;
    const bool is_known = std::find(names.begin(), names.end(), entry->ifa_name) != names.end();
    if ((family == AF_INET || family == AF_INET6) && !is_known) names.emplace_back(entry->ifa_name);
  }
  return names;
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
