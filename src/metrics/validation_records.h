// What a run says about its loss on held-out text: now and then, and when it is done.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace superpose::metrics {

// How much held-out text a loss is the mean over.
struct ScoredText {
  std::int64_t tokens = 0;     // predicted
  std::int64_t documents = 0;  // that the predicted tokens lie in

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("tokens", self.tokens);
    v.required("documents", self.documents);
  }
};

// Next-token loss with bagging off on the fixed windows of one validation set. Halves A and B split
// its documents: rates are chosen on A, results quoted on B.
struct SetScore {
  std::string name;
  double loss = 0;  // nats per token
  std::optional<double> loss_half_a;
  std::optional<double> loss_half_b;
  double perplexity = 0;  // exp(loss)
  std::optional<double> bits_per_byte;
  std::optional<ScoredText> scored = {};  // by `loss`; nothing where a trainer does not say
  std::optional<ScoredText> scored_half_a = {};
  std::optional<ScoredText> scored_half_b = {};

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("name", self.name);
    v.required("loss", self.loss);
    v.optional("loss_half_a", self.loss_half_a);
    v.optional("loss_half_b", self.loss_half_b);
    v.optional("perplexity", self.perplexity);
    v.optional("bits_per_byte", self.bits_per_byte);
    v.optional("scored", self.scored);
    v.optional("scored_half_a", self.scored_half_a);
    v.optional("scored_half_b", self.scored_half_b);
  }
};

// A prompt and what the model continues it with, by its likeliest tokens.
struct TextSample {
  std::string prompt;
  std::string text;         // without the prompt
  std::string stop;         // why it ended, as in the output of `superpose generate`
  std::int64_t tokens = 0;  // generated

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("prompt", self.prompt);
    v.required("text", self.text);
    v.optional("stop", self.stop);
    v.optional("tokens", self.tokens);
  }
};

// The validation sets after `step` finished steps; the same measure in every phase. Its own loss
// and what follows it are those of the primary set, which every outcome is computed from.
struct ValidationRecord {
  std::int64_t step = 0;
  std::int64_t positions = 0;
  std::int64_t raw_tokens = 0;
  double seconds = 0;  // training clock (steps alone) at this point
  double loss = 0;     // nats per token
  std::optional<double> loss_half_a;
  std::optional<double> loss_half_b;
  double perplexity = 0;  // exp(loss)
  std::optional<double> bits_per_byte;
  std::optional<ScoredText> scored;
  std::optional<ScoredText> scored_half_a;
  std::optional<ScoredText> scored_half_b;
  // Copying from the context: loss on the second of two equal random halves minus loss on the
  // first, nats per token.
  std::optional<double> copying;
  double evaluation_seconds = 0;  // what this validation took, not part of `seconds`
  // All sets by name, the primary one first; empty where a trainer has but one and names none.
  std::vector<SetScore> sets;
  std::vector<TextSample> samples;  // of evaluation.prompts
  double elapsed_seconds = 0;       // as in StepRecord, this validation included
  std::string time = {};            // likewise

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("step", self.step);
    v.required("positions", self.positions);
    v.required("raw_tokens", self.raw_tokens);
    v.required("seconds", self.seconds);
    v.required("loss", self.loss);
    v.optional("loss_half_a", self.loss_half_a);
    v.optional("loss_half_b", self.loss_half_b);
    v.optional("perplexity", self.perplexity);
    v.optional("bits_per_byte", self.bits_per_byte);
    v.optional("scored", self.scored);
    v.optional("scored_half_a", self.scored_half_a);
    v.optional("scored_half_b", self.scored_half_b);
    v.optional("copying", self.copying);
    v.optional("evaluation_seconds", self.evaluation_seconds);
    v.optional("sets", self.sets);
    v.unless_empty("samples", self.samples);
    v.optional("elapsed_seconds", self.elapsed_seconds);
    v.unless_empty("time", self.time);
  }
};

// Loss over the positions [first, end) of the windows.
struct PositionLoss {
  std::int64_t first = 0;
  std::int64_t end = 0;
  double loss = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("first", self.first);
    v.required("end", self.end);
    v.required("loss", self.loss);
  }
};

// One validation set at the end of a run, on more windows than during it, each of one document.
struct FinalScore {
  std::string name;
  double loss = 0;  // nats per token
  std::optional<double> loss_half_a;
  std::optional<double> loss_half_b;
  std::optional<double> bits_per_byte;
  // Second loss, in which no document has more than this share.
  std::optional<double> document_cap;
  std::optional<double> capped_loss;
  std::int64_t windows = 0;
  std::int64_t tokens = 0;  // predicted
  std::vector<PositionLoss> by_position;
  // Of each document of the set, in its order: the sum of the loss, and over how many tokens.
  std::vector<double> document_nats;
  std::vector<std::int64_t> document_tokens;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("name", self.name);
    v.required("loss", self.loss);
    v.optional("loss_half_a", self.loss_half_a);
    v.optional("loss_half_b", self.loss_half_b);
    v.optional("bits_per_byte", self.bits_per_byte);
    v.optional("document_cap", self.document_cap);
    v.optional("capped_loss", self.capped_loss);
    v.optional("windows", self.windows);
    v.optional("tokens", self.tokens);
    v.unless_empty("by_position", self.by_position);
    v.unless_empty("document_nats", self.document_nats);
    v.unless_empty("document_tokens", self.document_tokens);
  }
};

// Before the summary, where final scores are wanted. The primary set comes first.
struct FinalRecord {
  std::int64_t step = 0;
  std::int64_t positions = 0;
  std::int64_t raw_tokens = 0;
  double seconds = 0;
  double evaluation_seconds = 0;
  std::vector<FinalScore> sets;
  double elapsed_seconds = 0;  // as in StepRecord, this evaluation included
  std::string time = {};       // likewise

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("step", self.step);
    v.optional("positions", self.positions);
    v.optional("raw_tokens", self.raw_tokens);
    v.optional("seconds", self.seconds);
    v.optional("evaluation_seconds", self.evaluation_seconds);
    v.required("sets", self.sets);
    v.optional("elapsed_seconds", self.elapsed_seconds);
    v.unless_empty("time", self.time);
  }
};

}  // namespace superpose::metrics
