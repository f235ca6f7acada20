#pragma once

namespace matcoder {

// The log odds that an answer is right, by the log probabilities of its tokens: weights of their sum, their mean, the
// least of them, and the logarithm of their number. As in src/engine/scoreBound.ts.
struct ScoreBound {
  float constant = 0, of_sum = 0, of_mean = 0, of_least = 0, of_log_count = 0;
};

// What an answer has come to so far.
class Tally {
 public:
  void add(float probability);
  // Whether the odds are even or better by now, or would be with more tokens behind it, all of them certain.
  bool may_become_even(const ScoreBound& score_bound) const;

 private:
  int count_ = 0;
  float sum_ = 0, least_ = 0;
};

}  // namespace matcoder
