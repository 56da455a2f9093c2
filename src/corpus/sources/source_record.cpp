#include "corpus/sources/source_record.h"

namespace superpose::corpus {

DocumentCounts& DocumentCounts::operator+=(const DocumentCounts& other) {
  documents += other.documents;
  text_bytes += other.text_bytes;
  tokens += other.tokens;
  empty += other.empty;
  bad_records += other.bad_records;
  filtered += other.filtered;
  duplicates += other.duplicates;
  left_out += other.left_out;
  invalid_utf8 += other.invalid_utf8;
  held_out += other.held_out;
  return *this;
}

}  // namespace superpose::corpus
