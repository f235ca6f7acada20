#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "model.h"

namespace matcoder {

// Keys and values of one sequence, in float16. Attention is not nested, so the shape is the same for all submodels, and
// any of them can continue from positions that another wrote; only the layers that the writer skipped are missing. The
// memory grows with the sequence.
struct KvCache {
  explicit KvCache(const Config& c) : KvCache(c, c.layers) {}

  // kept_layers: 1 if a layer may overwrite the one before, because nothing is read again
  KvCache(const Config& c, int kept_layers)
      : head_dim(c.padded_head_dim()),
        heads(static_cast<size_t>(kept_layers) * c.kv_heads),
        kv_heads(c.kv_heads),
        layers(kept_layers) {}

  uint16_t* keys_of(int layer, int head) { return keys.data() + place(layer, head); }
  uint16_t* values_of(int layer, int head) { return values.data() + place(layer, head); }
  size_t bytes() const { return (keys.size() + values.size()) * sizeof(uint16_t); }

  // Makes room for this many positions. May move all keys and values. Throws std::bad_alloc, and then nothing is
  // changed.
  void reserve(int positions) {
    if (positions <= capacity) return;
    const int wanted = round_up(std::max(positions, std::max(kLeastCapacity, 2 * capacity)), kLanes);
    std::vector<uint16_t> more_keys(heads * wanted * head_dim), more_values(more_keys.size());
    for (size_t h = 0; h < heads && capacity > 0; h++) {
      const size_t from = h * capacity * head_dim, to = h * wanted * head_dim;
      const size_t size = static_cast<size_t>(capacity) * head_dim * sizeof(uint16_t);
      std::memcpy(&more_keys[to], &keys[from], size);
      std::memcpy(&more_values[to], &values[from], size);
    }
    keys = std::move(more_keys);
    values = std::move(more_values);
    capacity = wanted;
  }

  // Keys and values of a head at a position that there is room for. size: their values, at most head_dim; the rest of a
  // padded head is zero
  void store(int layer, int head, int position, const uint16_t* key, const uint16_t* value, int size) {
    uint16_t* block = keys_of(layer, head) + static_cast<size_t>(position / kLanes) * kLanes * head_dim;
    for (int i = 0; i < head_dim; i++) block[i * kLanes + position % kLanes] = i < size ? key[i] : 0;
    uint16_t* row = values_of(layer, head) + static_cast<size_t>(position) * head_dim;
    std::copy(value, value + size, row);
    std::fill(row + size, row + head_dim, 0);
  }

  // Notes the tokens of positions whose keys and values are there now.
  void append(const int32_t* added, int count, uint64_t layers) {
    tokens.insert(tokens.end(), added, added + count);
    layers_written.insert(layers_written.end(), count, layers);
  }

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

  static constexpr int kLeastCapacity = 512;

  int head_dim;  // padded
  size_t heads;  // of all layers
  int kv_heads;
  int layers;
  int capacity = 0;              // in positions
  std::vector<uint16_t> keys;    // [layer, kv_head, block of 16 positions, head_dim, 16]
  std::vector<uint16_t> values;  // [layer, kv_head, position, head_dim]
  std::vector<int32_t> tokens;
  std::vector<uint64_t> layers_written;  // [position] bit l: the writer ran layer l
  std::vector<int32_t> last_sequence;    // prompt and answer of the last request

 private:
  size_t place(int layer, int head) const {
    return (static_cast<size_t>(layer % layers) * kv_heads + head) * capacity * head_dim;
  }
};

// The caches of several documents. All together take at most `max_bytes`, but for the one that is in use: those that
// were not used for longest are dropped.
class KvCachePool {
 public:
  KvCachePool(const Config& config, size_t max_bytes) : config_(config), max_bytes_(max_bytes) {}

  // The cache of a document, perhaps a new and empty one. It is the only reference that stays valid.
  KvCache& of(int32_t document) {
    auto found =
        std::find_if(caches_.begin(), caches_.end(), [&](const auto& entry) { return entry.first == document; });
    if (found == caches_.end())
      caches_.emplace_front(document, std::make_unique<KvCache>(config_));
    else
      caches_.splice(caches_.begin(), caches_, found);
    shrink();
    return *caches_.front().second;
  }

  // Drops the caches of documents.
  void forget(const std::vector<int32_t>& documents) {
    caches_.remove_if([&](const auto& entry) {
      return std::find(documents.begin(), documents.end(), entry.first) != documents.end();
    });
  }

  // Drops caches until the bound holds.
  void shrink() {
    while (caches_.size() > 1 && bytes() > max_bytes_) caches_.pop_back();
  }

  size_t bytes() const {
    size_t sum = 0;
    for (const auto& [document, cache] : caches_) sum += cache->bytes();
    return sum;
  }

 private:
  const Config& config_;
  size_t max_bytes_;
  std::list<std::pair<int32_t, std::unique_ptr<KvCache>>> caches_;  // the last used first
};

// The layers a submodel runs, a bit each.
inline uint64_t layer_mask(const std::vector<int>& widths) {
  uint64_t mask = 0;
  for (size_t i = 0; i < widths.size(); i++)
    if (widths[i] > 0) mask |= uint64_t{1} << i;
  return mask;
}

}  // namespace matcoder
