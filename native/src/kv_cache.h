#pragma once

#include <cstdint>
#include <vector>

#include "model.h"

namespace matcoder {

// Keys and values of one sequence, in float16. Attention is not nested, so the shape is the same for all submodels, and
// any of them can continue from positions that another wrote; only the layers that the writer skipped are missing.
struct KvCache {
  explicit KvCache(const Config& c)
      : head_dim(c.head_dim),
        kv_heads(c.kv_heads),
        head_stride(static_cast<size_t>((c.context + kLanes - 1) / kLanes * kLanes) * c.head_dim),
        keys(head_stride * c.kv_heads * c.layers),
        values(head_stride * c.kv_heads * c.layers) {
    tokens.reserve(c.context);
    layers_written.reserve(c.context);
  }

  uint16_t* keys_of(int layer, int head) {
    return keys.data() + (static_cast<size_t>(layer) * kv_heads + head) * head_stride;
  }
  uint16_t* values_of(int layer, int head) {
    return values.data() + (static_cast<size_t>(layer) * kv_heads + head) * head_stride;
  }
  size_t bytes() const { return (keys.size() + values.size()) * sizeof(uint16_t); }

  // Keep the first `length` positions.
  void truncate(int length) {
    tokens.resize(length);
    layers_written.resize(length);
  }

  // How many of the `wanted` tokens a submodel that runs `layers` (a bit each) need not read again.
  int reusable(const std::vector<int32_t>& wanted, uint64_t layers) const {
    size_t n = 0;
    while (n < tokens.size() && n < wanted.size() && tokens[n] == wanted[n] && (layers_written[n] & layers) == layers)
      n++;
    return static_cast<int>(n);
  }

  int head_dim, kv_heads;
  size_t head_stride;
  std::vector<uint16_t> keys;    // [layer, kv_head, block of 16 positions, head_dim, 16]
  std::vector<uint16_t> values;  // [layer, kv_head, position, head_dim]
  std::vector<int32_t> tokens;
  std::vector<uint64_t> layers_written;  // [position] bit l: the writer ran layer l
};

// The layers a submodel runs, a bit each.
inline uint64_t layer_mask(const std::vector<int>& widths) {
  uint64_t mask = 0;
  for (size_t i = 0; i < widths.size(); i++)
    if (widths[i] > 0) mask |= uint64_t{1} << i;
  return mask;
}

}  // namespace matcoder
