#pragma once

#include <string>

namespace superpose::distributed {

// A TCP port of the loopback interface that nobody listens on at this moment.
int free_port();

// The address of this machine that packets to `host` leave from: 127.0.0.1 where the host is this
// machine by a loopback name. No packet is sent. Throws util::Error where the name is unknown or
// unreachable.
std::string address_towards(const std::string& host, int port);

bool is_loopback(const std::string& address);

}  // namespace superpose::distributed
