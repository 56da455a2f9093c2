#include "util/json_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string_view>

#include "support/error_of.h"
#include "support/names.h"

namespace superpose::util {
namespace {

using test::names;

enum class Colour { kRed, kGreen };
constexpr std::array<std::string_view, 2> kColours = {"red", "green"};

struct Part {
  std::int64_t count = 7;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("count", self.count);
  }
};

struct Whole {
  std::string name;
  bool ready = false;
  double share = 0.5;
  std::optional<double> loss;
  std::uint64_t hash = 0;
  Colour colour = Colour::kRed;
  Part part;
  std::vector<Part> parts;
  TextPairs versions;
  NumberPairs shares;
  std::vector<std::int64_t> slots;
  std::string note;
  std::optional<std::int64_t> seed;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("name", self.name);
    v.optional("ready", self.ready);
    v.optional("share", self.share);
    v.optional("loss", self.loss);
    v.choice("colour", self.colour, kColours);
    v.group("inner", [&](auto& inner) {
      inner.required("hash", self.hash);
      inner.optional("parts", self.parts);
    });
    v.required("part", self.part);
    v.optional("versions", self.versions);
    v.unless_empty("shares", self.shares);
    v.unless_empty("slots", self.slots);
    v.unless_empty("note", self.note);
    v.optional("seed", self.seed);
  }
};

constexpr const char* kText =
    R"({"name":"a","ready":true,"share":0.1,"loss":2.5,"colour":"green",)"
    R"("inner":{"hash":"000000000000beef","parts":[{"count":1},{"count":2}]},)"
    R"("part":{"count":3},"versions":{"x":"1","y":"2"},"shares":{"b":0.1,"a":2.0},"slots":[4,5],)"
    R"("note":"b","seed":6})";

Whole read(const std::string& text) {
  return fields_from_json<Whole>(parse_json(text, "test"), "w.json");
}

std::string error_of(const std::string& text) {
  return test::error_of([&] { read(text); });
}

TEST(JsonFields, TextComesBackAsItWas) {
  const Whole whole = read(kText);
  EXPECT_EQ(whole.hash, 0xbeefu);
  EXPECT_EQ(whole.colour, Colour::kGreen);
  EXPECT_EQ(whole.seed, 6);
  EXPECT_EQ(whole.parts.at(1).count, 2);
  EXPECT_EQ(whole.versions.at(1).second, "2");
  EXPECT_EQ(whole.shares, (NumberPairs{{"b", 0.1}, {"a", 2}}));
  EXPECT_EQ(fields_to_json(whole).dump(), kText);
}

TEST(JsonFields, OptionalFieldsKeepTheirValue) {
  const Whole whole = read(
      R"({"name":"a","share":null,"colour":"red","inner":{"hash":"1"},"part":{"count":4},"x":1})");
  EXPECT_EQ(whole.share, 0.5);
  EXPECT_FALSE(whole.loss.has_value());
  EXPECT_FALSE(fields_to_json(whole).contains("loss"));
  EXPECT_FALSE(fields_to_json(whole).contains("shares")) << "left out where empty";
  EXPECT_FALSE(fields_to_json(whole).contains("slots"));
  EXPECT_FALSE(fields_to_json(whole).contains("note"));
  EXPECT_FALSE(fields_to_json(whole).contains("seed"));
}

TEST(JsonFields, ErrorsNameTheField) {
  EXPECT_EQ(error_of("{}"), "w.json: missing field 'name'");
  EXPECT_THAT(error_of("[]"), names("w.json", "object", "array"));
  EXPECT_THAT(error_of(R"({"name":1})"), names("w.json", "name", "text", "1"));
  EXPECT_THAT(error_of(R"({"name":"a","colour":"blue"})"),
              names("w.json", "colour", "red", "green", "blue"));
  EXPECT_THAT(error_of(R"({"name":"a","colour":"red","inner":{"hash":"xyz"}})"),
              names("w.json", "inner", "hash", "hexadecimal", "xyz"));
  EXPECT_THAT(error_of(R"({"name":"a","colour":"red","inner":{"hash":"1","parts":[{}]}})"),
              names("w.json", "inner", "parts[0]", "count", "missing"));
  EXPECT_THAT(error_of(R"({"name":"a","colour":"red","inner":{"hash":"1"},"part":{"count":1},)"
                       R"("shares":{"a":"x"}})"),
              names("'a'", "number", "\"x\""));
  EXPECT_THAT(error_of(R"({"name":"a","colour":"red","inner":{"hash":"1"},"part":{"count":1.5}})"),
              names("part", "count", "whole", "1.5"));
}

}  // namespace
}  // namespace superpose::util
