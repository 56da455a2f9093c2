// Where records go: the interface of console, file and TensorBoard.
#pragma once

#include <memory>
#include <vector>

#include "metrics/records.h"

namespace superpose::metrics {

// Takes a run's records in order. Only rank 0 has sinks.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(const Record& record) = 0;
};

// Hands every record to each of its sinks, in order.
class SinkList : public Sink {
 public:
  void add(std::unique_ptr<Sink> sink) { sinks_.push_back(std::move(sink)); }
  void write(const Record& record) override;

 private:
  std::vector<std::unique_ptr<Sink>> sinks_;
};

}  // namespace superpose::metrics
