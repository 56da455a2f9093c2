#include "distributed/preflight.h"

#include <algorithm>
#include <string>
#include <vector>

#include "distributed/network.h"
#include "util/error.h"
#include "util/text.h"

namespace superpose::distributed {
namespace {

std::string who(const Rendezvous& rendezvous) {
  return "distributed: rank " + std::to_string(rendezvous.rank) + " of " +
         std::to_string(rendezvous.world_size) + ": ";
}

void check_interface(const Rendezvous& rendezvous) {
  const std::vector<std::string> names = network_interfaces();
  util::require(std::find(names.begin(), names.end(), rendezvous.interface) != names.end(),
                who(rendezvous), "GLOO_SOCKET_IFNAME: must be an interface that is up and has an ",
                "address (", util::join(names, ", "), "), got ", rendezvous.interface);
}

}  // namespace

void check_network(const Rendezvous& rendezvous) {
  const std::string address = address_towards(rendezvous.master_addr, rendezvous.master_port);
  const bool is_alone = rendezvous.local_world_size == rendezvous.world_size;
  if (!rendezvous.interface.empty()) {
    check_interface(rendezvous);
  } else {
    util::require(!is_loopback(address) || is_alone, who(rendezvous), "MASTER_ADDR ",
                  rendezvous.master_addr, " leads to the loopback address ", address,
                  ", which other machines cannot reach; set GLOO_SOCKET_IFNAME");
  }
  const bool listens = rendezvous.rank == 0 && !rendezvous.store_is_hosted;
  util::require(!listens || is_free(rendezvous.master_port), who(rendezvous), "MASTER_PORT ",
                rendezvous.master_port, " is in use on this machine");
}

}  // namespace superpose::distributed
