// The one file that includes Gloo's headers. They come from the system and are older than the Gloo
// inside libtorch, so it keeps to what both agree on: c10d's own classes, never gloo::Store or
// c10d's GlooStore (whose table of virtual functions differs), nothing inline of Gloo's that would
// be exported (hidden visibility, see CMakeLists.txt), and no linking of the system's libgloo.
#include <chrono>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "distributed/c10d_collective.h"
#include "distributed/network.h"

namespace superpose::distributed {
namespace {

// Gloo by itself takes the address that the machine's own name resolves to: there may be none, or a
// wildcard, or a loopback that other machines cannot reach. The way to the master is what counts.
std::shared_ptr<::gloo::transport::Device> make_device(const Rendezvous& rendezvous) {
  if (!rendezvous.interface.empty()) {
    return c10d::ProcessGroupGloo::createDeviceForInterface(rendezvous.interface);
  }
  return c10d::ProcessGroupGloo::createDeviceForHostname(
      address_towards(rendezvous.master_addr, rendezvous.master_port));
}

}  // namespace

c10::intrusive_ptr<c10d::Backend> make_gloo_backend(const c10::intrusive_ptr<c10d::Store>& store,
                                                    const Rendezvous& rendezvous) {
  const auto limit =
      std::chrono::milliseconds(static_cast<std::int64_t>(rendezvous.timeout_seconds * 1000));
  auto options = c10d::ProcessGroupGloo::Options::create(limit);
  options->devices.push_back(make_device(rendezvous));
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, rendezvous.rank, rendezvous.world_size,
                                                     options);
}

}  // namespace superpose::distributed
