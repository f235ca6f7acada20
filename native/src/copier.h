#pragma once

#include <cstdint>
#include <vector>

namespace matcoder {

constexpr int kLongestMatch = 16;

// An earlier occurrence of the end of a sequence.
struct Match {
  int length = 0;  // tokens in common, at most kLongestMatch; 0 if there is none
  int next = 0;    // index of the token after the occurrence
};

// The longest earlier occurrence of the sequence's last tokens; of several, the latest.
Match find_match(const std::vector<int32_t>& tokens);

}  // namespace matcoder
