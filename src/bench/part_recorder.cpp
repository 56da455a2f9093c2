#include "bench/part_recorder.h"

#include <ATen/SequenceNumber.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

namespace superpose::bench {

using Clock = std::chrono::steady_clock;

struct PartRecorder::State {
  using Field = double PartTimes::*;

  // What time is being charged to.
  struct Frame {
    std::size_t part = 0;
    Field field = &PartTimes::forward;
    bool names_nodes = false;  // backward nodes made in here belong to the part
    std::uint64_t first_node = 0;
  };

  // Backward nodes [first, end) belong to a part.
  struct Nodes {
    std::uint64_t first, end;
    std::size_t part;
  };

  std::size_t part_named(std::string_view name) {
    const auto found = std::find_if(parts.begin(), parts.end(),
                                    [&](const PartTimes& part) { return part.name == name; });
    if (found != parts.end()) return static_cast<std::size_t>(found - parts.begin());
    parts.push_back({std::string(name)});
    return parts.size() - 1;
  }

  // Scopes do not overlap, so `nodes` is in order.
  const Nodes* owner_of(std::int64_t sequence_number) const {
    if (sequence_number < 0) return nullptr;
    const auto number = static_cast<std::uint64_t>(sequence_number);
    const auto after =
        std::upper_bound(nodes.begin(), nodes.end(), number,
                         [](std::uint64_t value, const Nodes& item) { return value < item.first; });
    if (after == nodes.begin()) return nullptr;
    const Nodes& candidate = *std::prev(after);
    return number < candidate.end ? &candidate : nullptr;
  }

  void charge() {
    const Clock::time_point now = Clock::now();
    const Frame& top = frames.back();
    parts[top.part].*top.field += std::chrono::duration<double>(now - mark).count();
    mark = now;
  }

  void enter(const at::RecordFunction& function) {
    charge();
    Frame frame = frames.back();
    frame.names_nodes = false;
    if (function.scope() == at::RecordScope::BACKWARD_FUNCTION) {
      if (const Nodes* owner = owner_of(function.seqNr())) {
        frame.part = owner->part;
        frame.field = &PartTimes::backward;
      }
    } else if (std::string_view(function.name()) == kWeightGradientScope) {
      frame.field = &PartTimes::weight_gradient;
    } else {
      // In backward it names a part of an operator that spans several.
      frame.part = part_named(function.name());
      frame.names_nodes = true;
      frame.first_node = at::sequence_number::peek();
    }
    frames.push_back(frame);
  }

  void leave() {
    charge();
    const Frame frame = frames.back();
    frames.pop_back();
    const std::uint64_t end = at::sequence_number::peek();
    if (frame.names_nodes && end > frame.first_node) {
      nodes.push_back({frame.first_node, end, frame.part});
    }
  }

  std::vector<PartTimes> parts = {{kOtherPart}};
  std::vector<Frame> frames = {{}};
  std::vector<Nodes> nodes;
  Clock::time_point mark = Clock::now();
  at::CallbackHandle handle = at::INVALID_CALLBACK_HANDLE;

  // Callbacks are plain functions, so the state that they write to is found through the thread.
  static thread_local State* current;
  static std::unique_ptr<at::ObserverContext> on_enter(const at::RecordFunction& function) {
    if (current != nullptr) current->enter(function);
    return nullptr;
  }
  static void on_leave(const at::RecordFunction& /*function*/, at::ObserverContext* /*context*/) {
    if (current != nullptr) current->leave();
  }
};

thread_local PartRecorder::State* PartRecorder::State::current = nullptr;

PartRecorder::PartRecorder() : state_(std::make_unique<State>()) {
  TORCH_INTERNAL_ASSERT(State::current == nullptr, "a thread has one PartRecorder at a time");
  State::current = state_.get();
  state_->handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(&State::on_enter, &State::on_leave)
          .scopes({at::RecordScope::USER_SCOPE, at::RecordScope::BACKWARD_FUNCTION}));
  state_->mark = Clock::now();
}

PartRecorder::~PartRecorder() {
  if (state_->handle == at::INVALID_CALLBACK_HANDLE) return;
  at::removeCallback(state_->handle);
  State::current = nullptr;
}

std::vector<PartTimes> PartRecorder::finish() {
  state_->charge();
  at::removeCallback(std::exchange(state_->handle, at::INVALID_CALLBACK_HANDLE));
  State::current = nullptr;
  std::rotate(state_->parts.begin(), state_->parts.begin() + 1, state_->parts.end());
  return std::move(state_->parts);
}

}  // namespace superpose::bench
