#pragma once

#include <atomic>
#include <map>
#include <vector>

#include "model.h"
#include "thread_pool.h"

namespace matcoder {

// A submodel that uses the first w hidden units of a layer adds what the others contribute on average:
//   bias(w) = sum over j >= w of down[:, j] * mean_active[j]
// to the output of `down`. The mean alone is stored, so any width has its bias; one is computed when the first request
// for its submodel comes. A layer that a submodel skips adds nothing.
class Compensation {
 public:
  explicit Compensation(const Model& model) : model_(model), biases_(model.layers.size()) {}

  // Computes the biases of a submodel that are not there yet. Returns false if it was aborted between two layers.
  bool prepare(const std::vector<int>& widths, ThreadPool& pool, const std::atomic<bool>& aborted);

  // [hidden], of a submodel that was prepared; null if nothing is added.
  const float* bias(int layer, int width) const {
    const auto found = biases_[layer].find(width);
    return found == biases_[layer].end() ? nullptr : found->second.data();
  }

 private:
  const Model& model_;
  std::vector<std::map<int, std::vector<float>>> biases_;  // by layer and width
};

}  // namespace matcoder
