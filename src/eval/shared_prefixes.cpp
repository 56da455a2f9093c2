// The tree of prefixes is that of the minima of `common`: its root is the least of all, and splits
// the texts into those before and behind it. A branch is either one group, or what its two parts
// are.
#include "eval/shared_prefixes.h"

#include <algorithm>

namespace superpose::eval {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

struct Branch {
  std::size_t left = kNone, right = kNone;  // branches
  std::size_t first = 0, last = 0;          // texts
  std::int64_t saved = 0;                   // positions, at best
  bool is_group = false;
};

// A branch for each element of `common`; returns the root.
std::size_t link(std::span<const std::int64_t> common, std::vector<Branch>& branches) {
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < common.size(); ++i) {
    std::size_t below = kNone;
    while (!open.empty() && common[open.back()] > common[i]) {
      below = open.back();
      open.pop_back();
    }
    branches[i].left = below;
    if (!open.empty()) branches[open.back()].right = i;
    open.push_back(i);
  }
  return open.front();
}

// Parents before children.
std::vector<std::size_t> from_root(std::size_t root, std::size_t num_texts,
                                   std::vector<Branch>& branches) {
  std::vector<std::size_t> order;
  std::vector<std::size_t> next{root};
  branches[root].last = num_texts - 1;
  while (!next.empty()) {
    const std::size_t i = next.back();
    next.pop_back();
    order.push_back(i);
    const Branch& branch = branches[i];
    if (branch.left != kNone) {
      branches[branch.left].first = branch.first;
      branches[branch.left].last = i;
      next.push_back(branch.left);
    }
    if (branch.right != kNone) {
      branches[branch.right].first = i + 1;
      branches[branch.right].last = branch.last;
      next.push_back(branch.right);
    }
  }
  return order;
}

}  // namespace

std::vector<PrefixGroup> group_by_prefix(std::size_t num_texts,
                                         std::span<const std::int64_t> common, std::int64_t least) {
  std::vector<PrefixGroup> groups;
  std::vector<Branch> branches(common.size());
  std::vector<bool> is_taken(num_texts);
  if (!common.empty()) {
    const std::vector<std::size_t> order = from_root(link(common, branches), num_texts, branches);
    for (auto i = order.rbegin(); i != order.rend(); ++i) {
      Branch& branch = branches[*i];
      for (const std::size_t part : {branch.left, branch.right}) {
        if (part != kNone) branch.saved += branches[part].saved;
      }
      const std::int64_t together =
          common[*i] < least ? 0
                             : static_cast<std::int64_t>(branch.last - branch.first) * common[*i];
      branch.is_group = together > 0 && together >= branch.saved;
      branch.saved = std::max(branch.saved, together);
    }
    for (const std::size_t i : order) {
      const Branch& branch = branches[i];
      if (!branch.is_group || is_taken[branch.first]) continue;
      groups.push_back({branch.first, branch.last - branch.first + 1, common[i]});
      std::fill(is_taken.begin() + static_cast<std::ptrdiff_t>(branch.first),
                is_taken.begin() + static_cast<std::ptrdiff_t>(branch.last) + 1, true);
    }
  }
  for (std::size_t i = 0; i < num_texts; ++i) {
    if (!is_taken[i]) groups.push_back({i, 1, 0});
  }
  std::sort(groups.begin(), groups.end(),
            [](const PrefixGroup& a, const PrefixGroup& b) { return a.first < b.first; });
  return groups;
}

}  // namespace superpose::eval
