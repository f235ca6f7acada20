#pragma once

#include <cstdint>
#include <vector>

namespace matcoder {

constexpr int kLongestMatch = 16;

// Where the end of a sequence occurred before.
struct Match {
  int length = 0;  // tokens in common, at most kLongestMatch; 0 where nothing occurred before
  int next = 0;    // index of the token that followed then
};

// The longest earlier occurrence of the sequence's last tokens; of several, the latest.
Match find_match(const std::vector<int32_t>& tokens);

}  // namespace matcoder
