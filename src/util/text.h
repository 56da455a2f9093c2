// Names and numbers as text: the nearest name, counts, durations, bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace superpose::util {

// Fewest single-character insertions, deletions, replacements and swaps of neighbours that turn one
// into the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate with the smallest edit distance, the first of equals; "" where there is no
// candidate.
std::string nearest_name(std::string_view name, std::span<const std::string> candidates);

// Shortest text that reads back as the same double, always with a point or an exponent: "0.1",
// "3.0", "1e-08", "inf".
std::string format_double(double value);

// "3.14" for 2 digits after the point.
std::string fixed(double value, int digits);

// "1 expert", "2 experts".
std::string counted(std::int64_t count, const std::string& noun);

// "1,234,567".
std::string with_commas(std::int64_t value);

// Three significant digits: 950, "12.3K", "12.3M", "1.50B", "2.00T".
std::string format_count(std::int64_t count);

// Three significant digits: "0.03 MFLOP", "2.15 GFLOP", "1.00 PFLOP".
std::string format_flops(double flops);

// "850 ms", "12.3 s", "4 m 05 s", "1 h 02 m", "3 d 04 h".
std::string format_duration(double seconds);

// Powers of 1024: "512 B", "1.50 KiB", "3.20 GiB".
std::string format_bytes(std::uint64_t bytes);

// The text for a message: cut, in front of a whole character, where it is longer than 60 bytes.
std::string shortened(std::string_view text);

// The parts put together with `separator` between them.
std::string join(std::span<const std::string> parts, std::string_view separator);

}  // namespace superpose::util
