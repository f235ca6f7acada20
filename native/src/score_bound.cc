#include "score_bound.h"

#include <algorithm>
#include <cmath>

namespace matcoder {
namespace {

// A token that was all but impossible is not worse than this: its log probability would outweigh all others.
constexpr float kLeastProbability = 1e-4F;

// Answers that are longer by more than this gain nothing from surer tokens.
constexpr int kMostMore = 64;

}  // namespace

void Tally::add(float probability) {
  const float log = std::log(std::max(kLeastProbability, probability));
  count_++;
  sum_ += log;
  least_ = std::min(least_, log);
}

bool Tally::may_become_even(const ScoreBound& score_bound) const {
  const float settled = score_bound.constant + score_bound.of_sum * sum_ + score_bound.of_least * least_;
  for (int n = std::max(1, count_); n <= count_ + kMostMore; n++) {
    const float length = static_cast<float>(n);
    if (settled + score_bound.of_mean * sum_ / length + score_bound.of_log_count * std::log(length) >= 0) return true;
  }
  return false;
}

}  // namespace matcoder
