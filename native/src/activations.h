#pragma once

#include <cstddef>
#include <vector>

namespace matcoder {

// What the hidden units of the feed-forward blocks do in a text: sums over its tokens or, in the end, means.
struct UnitActivations {
  std::vector<double> mean;    // [layers, ffn] of silu(gate) * up
  std::vector<double> square;  // [layers, ffn] of its square
};

}  // namespace matcoder
