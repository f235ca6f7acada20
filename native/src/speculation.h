#pragma once

#include <cstdint>
#include <vector>

#include "forward.h"

namespace matcoder {

// Tokens that may be drafted before the target verifies them: one pass computes the logits after the last token of the
// sequence and after each drafted one.
constexpr int kMaxDraft = kMaxLogitRows - 1;

// How to draft.
struct Speculation {
  int max_tokens = 0;       // 0: do not draft
  std::vector<int> widths;  // [layers] the submodel that drafts if there is no match; empty: none
  bool always = false;      // for tests and measurements: draft as much as allowed, whether it pays or not
};

// The earlier match that a drafted token followed.
struct FoundMatch {
  int length = 0;   // in tokens
  float share = 0;  // of the tokens that followed the match, this one's
};

// Drafted tokens of a request, and how many of them the target accepted.
struct DraftCounts {
  int copied = 0, copied_accepted = 0;    // after earlier matches
  int written = 0, written_accepted = 0;  // by the submodel
};

// Learns from every pass what drafting costs and how often the target accepts drafts, and decides when drafting pays.
// There is one for each pair of target and draft. Times are those of this machine under its present load.
class Speculator {
 public:
  Speculator();

  // Whether to draft a token after the match `next`, after tokens with these matches.
  bool worth_copying(const std::vector<FoundMatch>& matches, const FoundMatch& next) const;

  // Whether the draft submodel should write one more token, after tokens with these probabilities.
  bool worth_writing(const std::vector<float>& probabilities) const;

  // Whether to draft now although it seems not to pay: true once in a while, because load and text change.
  bool explore();

  void record_target_pass(int tokens, double ms);
  void record_draft_pass(double ms);
  void record_copied(const FoundMatch& match, bool accepted);
  void record_written(float probability, bool accepted);

 private:
  // A mean that forgets exponentially; its prior counts as a few observations.
  struct Mean {
    double value;
    double weight;
    void add(double x);
  };
  double pass_ms(int tokens) const;
  double acceptance(float probability) const;
  static int bucket_of(const FoundMatch& match);

  static constexpr int kBuckets = 10;
  static constexpr int kLengths = 17;  // longer matches count as of 16 tokens
  Mean one_ms_{0, 0};                  // a target pass of one token
  Mean more_ms_{0, 0};                 // what each further token of the pass adds
  Mean draft_ms_{0, 0};                // a draft pass
  Mean by_match_[2 * kLengths];    // acceptance of copies by the match: its length, and whether all went on like this
  Mean by_probability_[kBuckets];  // acceptance of drafts by their own probability
  Mean written_{0.6, 8};           // of all drafts
  int idle_ = 0;
};

}  // namespace matcoder
