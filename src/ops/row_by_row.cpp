#include "ops/row_by_row.h"

namespace superpose::ops {
namespace {

thread_local bool row_by_row = false;

}  // namespace

RowByRow::RowByRow() : before_(row_by_row) { row_by_row = true; }

RowByRow::~RowByRow() { row_by_row = before_; }

bool is_row_by_row() { return row_by_row; }

}  // namespace superpose::ops
