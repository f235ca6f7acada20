#include "speculation.h"

#include <algorithm>

namespace matcoder {
namespace {

// Weight of a mean's past, in observations.
constexpr double kMemory = 64;
// Passes without a draft after which one is tried again.
constexpr int kIdlePasses = 48;
// Assumed until measured, as shares of a target pass of one token: what a further token adds, and a draft pass.
constexpr double kMoreShare = 0.2;
constexpr double kDraftShare = 0.4;

}  // namespace

void Speculator::Mean::add(double x) {
  weight = std::min(weight + 1, kMemory);
  value += (x - value) / weight;
}

Speculator::Speculator() {
  // Prior: the copy after a long match is nearly always accepted, after a short one or one of several rarely.
  for (int n = 0; n < kLengths; n++) {
    by_match_[2 * n] = {n == 0 ? 0 : 0.5 - 0.4 / n, 4};
    by_match_[2 * n + 1] = {n == 0 ? 0 : 1 - 0.8 / n, 4};
  }
  for (int i = 0; i < kBuckets; i++) by_probability_[i] = {0.3 + 0.07 * i, 4};
}

double Speculator::pass_ms(int tokens) const {
  const double more = more_ms_.weight > 0 ? more_ms_.value : kMoreShare * one_ms_.value;
  return one_ms_.value + std::max(0.0, more) * (tokens - 1);
}

double Speculator::acceptance(float probability) const {
  return by_probability_[std::min(kBuckets - 1, static_cast<int>(probability * kBuckets))].value;
}

int Speculator::bucket_of(const FoundMatch& match) {
  return 2 * std::min(kLengths - 1, match.length) + (match.share == 1 ? 1 : 0);
}

bool Speculator::worth_copying(const std::vector<FoundMatch>& matches, const FoundMatch& next) const {
  if (one_ms_.weight == 0) return false;
  double tokens = 1, reach = 1;
  for (const FoundMatch& match : matches) {
    reach *= by_match_[bucket_of(match)].value;
    tokens += reach;
  }
  const int n = static_cast<int>(matches.size());
  return (tokens + reach * by_match_[bucket_of(next)].value) / pass_ms(n + 2) > tokens / pass_ms(n + 1);
}

bool Speculator::worth_writing(const std::vector<float>& probabilities) const {
  if (one_ms_.weight == 0) return false;
  const double draft = draft_ms_.weight > 0 ? draft_ms_.value : kDraftShare * one_ms_.value;
  const int n = static_cast<int>(probabilities.size());
  double tokens = 1, reach = 1;
  for (const float p : probabilities) {
    reach *= acceptance(p);
    tokens += reach;
  }
  const double now = tokens / (pass_ms(n + 1) + n * draft);
  const double then = (tokens + reach * written_.value) / (pass_ms(n + 2) + (n + 1) * draft);
  return then > now;
}

bool Speculator::explore() {
  if (++idle_ < kIdlePasses) return false;
  idle_ = 0;
  return true;
}

void Speculator::record_target_pass(int tokens, double ms) {
  if (tokens == 1)
    one_ms_.add(ms);
  else if (one_ms_.weight > 0)
    more_ms_.add((ms - one_ms_.value) / (tokens - 1));
}

void Speculator::record_draft_pass(double ms) { draft_ms_.add(ms); }

void Speculator::record_copied(const FoundMatch& match, bool accepted) {
  idle_ = 0;
  by_match_[bucket_of(match)].add(accepted);
}

void Speculator::record_written(float probability, bool accepted) {
  idle_ = 0;
  by_probability_[std::min(kBuckets - 1, static_cast<int>(probability * kBuckets))].add(accepted);
  written_.add(accepted);
}

}  // namespace matcoder
