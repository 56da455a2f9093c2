// Checks of the network before ranks wait for each other on it.
#pragma once

#include "distributed/rendezvous.h"

namespace superpose::distributed {

// Looks for what would otherwise come out as a wait of timeout_seconds, or as something else than
// it is: a MASTER_ADDR that does not resolve or that no interface leads to, a loopback address for
// ranks of several machines, a MASTER_PORT that is taken where this rank is to listen, a
// GLOO_SOCKET_IFNAME that this machine does not have. Throws util::Error.
void check_network(const Rendezvous& rendezvous);

}  // namespace superpose::distributed
