#include "ops/row_by_row.h"

namespace superpose::ops {
namespace {

thread_local RowWay way_in_force = RowWay::kAny;

}  // namespace

RowByRow::RowByRow(RowWay way) : before_(way_in_force) { way_in_force = way; }

RowByRow::~RowByRow() { way_in_force = before_; }

RowWay row_way() { return way_in_force; }

}  // namespace superpose::ops
