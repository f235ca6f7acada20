#pragma once

#include <cstdint>
#include <vector>

namespace matcoder {

// Tokens that may be drafted before the target looks at them.
constexpr int kMaxDraft = 8;

// How to draft, and for whom.
struct Speculation {
  int max_tokens = 0;       // 0: do not draft
  std::vector<int> widths;  // the submodel that drafts where nothing matches; empty: none
  bool always = false;      // draft as much as allowed, whether it pays or not: for tests and measurements
};

// What a request's drafts came to.
struct DraftCounts {
  int copied = 0, copied_accepted = 0;    // from the context
  int written = 0, written_accepted = 0;  // by the submodel
};

// Learns from every pass what drafting costs and how often the target agrees, and says when it pays. One for each pair
// of target and draft; times are of this machine under its load of the moment.
class Speculator {
 public:
  Speculator();

  // How many tokens to copy after a match of `length` tokens, at most `room`.
  int worth_copying(int length, int room) const;

  // Whether the submodel should draft one token more, after those of these probabilities.
  bool worth_writing(const std::vector<float>& probabilities) const;

  // Every so often a draft is made although it seems not to pay: loads and texts change.
  bool explore();

  void target_took(int tokens, double ms);
  void draft_took(double ms);
  void copied(int length, bool accepted);
  void wrote(float probability, bool accepted);

 private:
  // Exponentially forgetting mean; the prior counts as a few observations.
  struct Mean {
    double value;
    double weight;
    void add(double x);
  };
  double pass_ms(int tokens) const;
  double acceptance(float probability) const;

  static constexpr int kBuckets = 10;
  Mean one_ms_{0, 0}, more_ms_{0, 0}, draft_ms_{0, 0};  // a pass of one token; what each further one adds; a draft's
  Mean by_length_[17];                                  // acceptance of copies by the length of the match
  Mean by_probability_[kBuckets];                       // acceptance of drafts by their own probability
  Mean written_{0.6, 8};                                // of all drafts
  int idle_ = 0;
};

}  // namespace matcoder
