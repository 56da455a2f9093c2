// The environment that torchrun and `superpose launch` set for each rank.
#pragma once

#include <optional>
#include <string>

namespace superpose::distributed {

// Where the ranks of a run meet, as torchrun and `superpose launch` tell it.
struct Rendezvous {
  int rank = 0;
  int world_size = 1;
  int local_rank = 0;        // rank among the processes of this machine
  int local_world_size = 1;  // processes on this machine: they share its cores
  std::string master_addr = "127.0.0.1";
  int master_port = 29500;
  // Longest wait for the others at start and in one collective. Must exceed what a rank may do
  // alone between two collectives (a checkpoint written by rank 0, for one).
  double timeout_seconds = 600;
  // True under torchrun: its agent hosts the store, so rank 0 joins it as a client like the others.
  bool store_is_hosted = false;
  std::string store_prefix = {};  // keys of this attempt, where a hosted store outlives a restart
  std::string interface = {};     // network interface for the collectives; empty = found by itself
};

// Reads RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, LOCAL_RANK, LOCAL_WORLD_SIZE, and, where set,
// TORCHELASTIC_USE_AGENT_STORE, TORCHELASTIC_RESTART_COUNT, GLOO_SOCKET_IFNAME. Nothing where
// neither RANK nor WORLD_SIZE is set: a run of one process. Throws util::Error, naming the
// variable, where only some of them are set or a value is not a number in its range.
std::optional<Rendezvous> rendezvous_from_environment();

}  // namespace superpose::distributed
