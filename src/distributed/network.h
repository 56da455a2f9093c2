// Ports, interfaces and addresses of this machine.
#pragma once

#include <string>
#include <vector>

namespace superpose::distributed {

// A TCP port of the loopback interface that nobody listens on at this moment. Throws util::Error
// where this machine cannot connect to itself on it.
int free_port();

// Whether a process may listen on the port, on all addresses of this machine.
bool is_free(int port);

// Names of the interfaces that are up and have an address.
std::vector<std::string> network_interfaces();

// The address of this machine that packets to `host` leave from: 127.0.0.1 where the host is this
// machine by a loopback name. No packet is sent. Throws util::Error where the name is unknown or
// unreachable.
std::string address_towards(const std::string& host, int port);

bool is_loopback(const std::string& address);

}  // namespace superpose::distributed
