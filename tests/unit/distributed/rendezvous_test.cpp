#include "distributed/rendezvous.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "support/error_of.h"
#include "support/names.h"

namespace superpose::distributed {
namespace {

using test::names;
using testing::HasSubstr;

class RendezvousTest : public testing::Test {
 protected:
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }

  static void set(const std::map<std::string, std::string>& variables) {
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
  }

  static std::string error_of(const std::map<std::string, std::string>& variables) {
    clear();
    set(variables);
    return test::error_of([&] { rendezvous_from_environment(); });
  }

 private:
  static void clear() {
    for (const char* name :
         {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT",
          "TORCHELASTIC_USE_AGENT_STORE", "TORCHELASTIC_RESTART_COUNT", "GLOO_SOCKET_IFNAME"}) {
      ::unsetenv(name);
    }
  }
};

TEST_F(RendezvousTest, IsNothingForARunOfOneProcess) {
  EXPECT_FALSE(rendezvous_from_environment().has_value());
}

TEST_F(RendezvousTest, ReadsWhatTorchrunSets) {
  set({{"RANK", "5"},
       {"WORLD_SIZE", "8"},
       {"LOCAL_RANK", "1"},
       {"LOCAL_WORLD_SIZE", "4"},
       {"MASTER_ADDR", "node-1"},
       {"MASTER_PORT", "29400"},
       {"TORCHELASTIC_USE_AGENT_STORE", "True"},
       {"TORCHELASTIC_RESTART_COUNT", "2"}});
  const auto rendezvous = rendezvous_from_environment();
  ASSERT_TRUE(rendezvous.has_value());
  EXPECT_EQ(rendezvous->rank, 5);
  EXPECT_EQ(rendezvous->world_size, 8);
  EXPECT_EQ(rendezvous->local_rank, 1);
  EXPECT_EQ(rendezvous->local_world_size, 4);
  EXPECT_EQ(rendezvous->master_addr, "node-1");
  EXPECT_EQ(rendezvous->master_port, 29400);
  EXPECT_TRUE(rendezvous->store_is_hosted);
  EXPECT_EQ(rendezvous->store_prefix, "attempt_2");
}

TEST_F(RendezvousTest, TakesOneMachineForGrantedWithoutLocalRanks) {
  set({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", "1234"}});
  const auto rendezvous = rendezvous_from_environment();
  EXPECT_EQ(rendezvous->local_rank, 1);
  EXPECT_EQ(rendezvous->local_world_size, 2);
  EXPECT_FALSE(rendezvous->store_is_hosted);
}

TEST_F(RendezvousTest, NamesTheVariableAtFault) {
  EXPECT_THAT(error_of({{"RANK", "0"}}), names("WORLD_SIZE", "not set"));
  EXPECT_THAT(error_of({{"WORLD_SIZE", "2"}}), names("RANK", "not set"));
  EXPECT_THAT(error_of({{"RANK", "2"}, {"WORLD_SIZE", "2"}}), names("RANK", "0", "1", "2"));
  EXPECT_THAT(error_of({{"RANK", "0"}, {"WORLD_SIZE", "two"}}), HasSubstr("WORLD_SIZE: expected"));
  EXPECT_THAT(error_of({{"RANK", "0"}, {"WORLD_SIZE", "2"}}), names("MASTER_ADDR", "not set"));
  EXPECT_THAT(error_of({{"RANK", "0"},
                        {"WORLD_SIZE", "2"},
                        {"MASTER_ADDR", "127.0.0.1"},
                        {"MASTER_PORT", "70000"}}),
              names("MASTER_PORT", "1", "65535", "70000"));
}

}  // namespace
}  // namespace superpose::distributed
