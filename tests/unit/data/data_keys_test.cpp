// Every key of [data] by the role that it is said to have: a forgotten line in prepare_plan.cpp
// would let a run take a corpus that was prepared under other settings.
#include <gtest/gtest.h>

#include <set>
#include <type_traits>

#include "config/outline.h"
#include "corpus/data_config.h"
#include "corpus/prepare/prepare_plan.h"
#include "data/mixture_config.h"

namespace superpose::data {
namespace {

using config::DataRole;

// Visitor that gives one key another value; what the value means does not matter here.
class Change {
 public:
  explicit Change(std::string_view name) : name_(name) {}

  Change& added() { return *this; }
  Change& corpus() { return *this; }
  Change& order() { return *this; }

  template <class Value>
  void field(std::string_view name, Value& value, std::string_view /*doc*/) {
    if (name != name_) return;
    found_ = true;
    if constexpr (std::is_same_v<Value, bool>) {
      value = !value;
    } else if constexpr (std::is_arithmetic_v<Value>) {
      value += Value{1} / Value{2} > Value{0} ? Value{1} / Value{2} : Value{1};
    } else if constexpr (std::is_same_v<Value, std::string>) {
      value += "other";
    } else if constexpr (std::is_same_v<Value, std::optional<double>>) {
      value = 0.5;
    } else {
      value.push_back("other");
    }
  }
  template <class Value>
  void operational(std::string_view name, Value& value, std::string_view doc) {
    field(name, value, doc);
  }
  template <class Enum, std::size_t N>
  void choice(std::string_view name, Enum& value, const std::array<std::string_view, N>& /*names*/,
              std::string_view /*doc*/) {
    if (name != name_) return;
    found_ = true;
    value = static_cast<Enum>((static_cast<std::size_t>(value) + 1) % N);
  }
  bool found() const { return found_; }

 private:
  std::string_view name_;
  bool found_ = false;
};

// How shards are cut into files decides no id, and may change at a resume; a corpus on disk is
// looked for by it all the same.
const std::set<std::string> kStorage = {"shard_tokens"};

TEST(DataKeys, ThoseOfTheCorpusAndNoOthersDecideWhichCorpusIsTaken) {
  const corpus::DataConfig before;
  const std::string key = request_key(before, {});
  std::set<DataRole> roles;
  for (const config::Entry& entry : config::Outliner::outline(before)) {
    corpus::DataConfig after = before;
    Change change(entry.name);
    corpus::DataConfig::visit(after, change);
    ASSERT_TRUE(change.found()) << entry.name;
    const bool decides = entry.role == DataRole::kCorpus || kStorage.contains(entry.name);
    EXPECT_EQ(request_key(after, {}) != key, decides) << entry.name;
    EXPECT_FALSE(entry.operational && entry.role != DataRole::kNone) << entry.name;
    roles.insert(entry.role);
  }
  EXPECT_EQ(roles.size(), 3u);
}

TEST(DataKeys, OfAMixturesEntryOnlyThoseOfTheCorpusChangeTheCorpus) {
  MixtureConfig before;
  before.name = "code";
  before.sources = {"a"};
  const corpus::DataConfig data;
  const std::string key = request_key(data_config_of(before, data), {});
  for (const config::Entry& entry : config::Outliner::outline(before)) {
    MixtureConfig after = before;
    Change change(entry.name);
    MixtureConfig::visit(after, change);
    ASSERT_TRUE(change.found()) << entry.name;
    if (entry.name == "format") after.format = "npy";
    EXPECT_EQ(request_key(data_config_of(after, data), {}) != key, entry.role == DataRole::kCorpus)
        << entry.name;
    EXPECT_NE(entry.role, DataRole::kNone) << entry.name;
  }
}

}  // namespace
}  // namespace superpose::data
