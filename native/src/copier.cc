#include "copier.h"

namespace matcoder {

Match find_match(const std::vector<int32_t>& tokens) {
  const int size = static_cast<int>(tokens.size());
  Match best;
  for (int next = size - 1; next > 0 && best.length < kLongestMatch; next--) {
    int length = 0;
    while (length < kLongestMatch && length < next && tokens[next - 1 - length] == tokens[size - 1 - length]) length++;
    if (length > best.length) best = {length, next};
  }
  return best;
}

}  // namespace matcoder
