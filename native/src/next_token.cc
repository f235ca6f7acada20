#include "next_token.h"

#include <algorithm>
#include <array>

#include "elementary.h"
#include "forward.h"

namespace matcoder {
namespace {

// If more than one token of this many matches, masking the others is faster than putting the matching ones in order.
constexpr size_t kManyOf = 64;

// A token that followed a match, with its probability by all components.
struct Candidate {
  int32_t token;
  float probability;
};

class Allowed {
 public:
  Allowed(const TokenBytes& token_bytes, const Constraints& constraints)
      : token_bytes_(token_bytes), constraints_(constraints) {}
  bool operator()(int32_t token) const {
    const auto& [banned, prefix] = constraints_;
    return (prefix.empty() || token_bytes_.matches(token, prefix)) &&
           (banned == nullptr || std::find(banned->begin(), banned->end(), token) == banned->end());
  }

 private:
  const TokenBytes& token_bytes_;
  const Constraints& constraints_;
};

// The tokens that followed matches and are allowed, in the order of the components.
std::vector<Candidate> candidates_of(const Components& components, const MixtureWeights& weights,
                                     const Allowed& is_allowed) {
  std::vector<Candidate> candidates;
  for (size_t k = 0; k < components.size(); k++) {
    if (components[k].length == 0) continue;
    for (const auto& [token, share] : components[k].continuations) {
      if (!is_allowed(token)) continue;
      const auto same = std::find_if(candidates.begin(), candidates.end(),
                                     [token = token](const Candidate& c) { return c.token == token; });
      const float probability = weights[k + 1] * share;
      if (same == candidates.end())
        candidates.push_back({token, probability});
      else
        same->probability += probability;
    }
  }
  return candidates;
}

// The most likely of the tokens that match a healing prefix, the first of several, and its probability among them. The
// logits of the others are not read. tokens: some, which are put in order; logits: [vocabulary]
int32_t most_likely_of(const Kernels& kernels, std::vector<int32_t>& tokens, const float* logits, int vocabulary,
                       float* probability) {
  if (tokens.size() > static_cast<size_t>(vocabulary) / kManyOf) {
    std::vector<float> masked(vocabulary, kMaskedLogit);
    for (const int32_t token : tokens) masked[token] = logits[token];
    return kernels.most_likely(masked.data(), vocabulary, probability);
  }
  // Each logit keeps its lane and the order in it, so that the sum has the bits that masking all others would give.
  std::sort(tokens.begin(), tokens.end());
  size_t rows = 1;
  std::array<size_t, kLanes> filled{};
  for (const int32_t token : tokens) rows = std::max(rows, ++filled[token % kLanes]);
  std::vector<float> compact(rows * kLanes, kMaskedLogit);
  filled = {};
  for (const int32_t token : tokens) compact[filled[token % kLanes]++ * kLanes + token % kLanes] = logits[token];
  const float top = compact[kernels.most_likely(compact.data(), static_cast<int>(compact.size()), probability)];
  const auto first = std::find_if(tokens.begin(), tokens.end(), [&](int32_t token) { return logits[token] == top; });
  return first == tokens.end() ? tokens.front() : *first;
}

}  // namespace

ChosenToken choose_token(const Kernels& kernels, const TokenBytes& token_bytes, const Gate* gate,
                         const Components& components, const Constraints& constraints, float* logits, int vocabulary) {
  const auto& [banned, healing_prefix] = constraints;
  if (banned != nullptr)
    for (const int32_t token : *banned) logits[token] = kMaskedLogit;
  token_bytes.mask_padding(logits, vocabulary);
  int match_length = 0;
  for (const Component& component : components) match_length = std::max(match_length, component.length);
  const bool has_matches = gate != nullptr && match_length > 0;
  std::vector<int32_t> matching =
      healing_prefix.empty() ? std::vector<int32_t>() : token_bytes.matching(healing_prefix);
  if (!matching.empty() && !has_matches) {  // then the other tokens do not matter
    ChosenToken chosen;
    chosen.token = most_likely_of(kernels, matching, logits, vocabulary, &chosen.probability);
    return chosen;
  }
  ModelPrediction model{logits};
  model.token = kernels.most_likely(logits, vocabulary, &model.probability);
  const bool is_mixed = has_matches && model.probability > 0;
  MixtureWeights weights{1};
  std::vector<Candidate> candidates;
  if (is_mixed) {
    weights = gate->weigh(components, model);
    candidates = candidates_of(components, weights, Allowed(token_bytes, constraints));
  }

  // Of the model's tokens that are allowed, the best, its probability, and that of all of them.
  int32_t best_of_model = model.token;
  float best_probability = model.probability, conditional = model.probability, allowed = 1;
  if (!matching.empty()) {
    const float top = logits[model.token];
    best_of_model = most_likely_of(kernels, matching, logits, vocabulary, &conditional);
    best_probability *= exp_of(logits[best_of_model] - top);
    allowed = best_probability / conditional;
  }
  allowed *= weights[0];
  for (const Candidate& candidate : candidates) allowed += candidate.probability;
  if (!is_mixed || !(allowed > 0)) return {best_of_model, conditional};

  // No token that followed no match is more probable than the model's best.
  ChosenToken best{best_of_model, weights[0] * best_probability, 0, match_length};
  for (const auto& [token, by_matches] : candidates) {
    const float probability =
        weights[0] * best_probability * exp_of(logits[token] - logits[best_of_model]) + by_matches;
    if (token == best_of_model ? probability >= best.probability : probability > best.probability)
      best = {token, probability, by_matches / probability, match_length};
  }
  const bool is_constrained = !healing_prefix.empty() || (banned != nullptr && !banned->empty());
  if (is_constrained) best.probability /= allowed;
  return best;
}

}  // namespace matcoder
