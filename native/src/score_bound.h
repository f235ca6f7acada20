#pragma once

namespace matcoder {

// The score of an answer: log odds that it is right, a weighted sum of statistics over the log probabilities of its
// tokens. An answer is wanted if its score is at least 0. The same as in src/engine/scoreBound.ts.
struct ScoreBound {
  float constant = 0;
  float of_sum = 0;
  float of_mean = 0;
  float of_least = 0;
  float of_log_count = 0;   // of the logarithm of the number of tokens
  float of_memory_sum = 0;  // of the sum in which each token counts by the share that came from earlier matches
};

bool is_finite(const ScoreBound& bound);

// The statistics of the tokens so far.
class ScoreCounts {
 public:
  void add(float probability, float memory_share);
  // Whether the answer reaches the bound, or would with more tokens if all of them were certain.
  bool may_reach(const ScoreBound& bound) const;

 private:
  int count_ = 0;
  float sum_ = 0, least_ = 0, memory_sum_ = 0;
};

}  // namespace matcoder
