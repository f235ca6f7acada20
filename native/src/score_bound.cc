#include "score_bound.h"

#include <algorithm>
#include <cmath>

namespace matcoder {
namespace {

// Smaller probabilities count as this one, because a single logarithm would outweigh all others.
constexpr float kLeastProbability = 1e-4F;

// How many further tokens are considered. Beyond them, certain tokens no longer raise the score.
constexpr int kMaxFurtherTokens = 64;

}  // namespace

bool is_finite(const ScoreBound& b) {
  return std::isfinite(b.constant) && std::isfinite(b.of_sum) && std::isfinite(b.of_mean) &&
         std::isfinite(b.of_least) && std::isfinite(b.of_log_count) && std::isfinite(b.of_memory_sum);
}

void ScoreCounts::add(float probability, float memory_share) {
  const float log = std::log(std::max(kLeastProbability, probability));
  count_++;
  sum_ += log;
  least_ = std::min(least_, log);
  memory_sum_ += memory_share * log;
}

bool ScoreCounts::may_reach(const ScoreBound& bound) const {
  const float fixed =
      bound.constant + bound.of_sum * sum_ + bound.of_least * least_ + bound.of_memory_sum * memory_sum_;
  for (int n = std::max(1, count_); n <= count_ + kMaxFurtherTokens; n++) {
    const float length = static_cast<float>(n);
    if (fixed + bound.of_mean * sum_ / length + bound.of_log_count * std::log(length) >= 0) return true;
  }
  return false;
}

}  // namespace matcoder
