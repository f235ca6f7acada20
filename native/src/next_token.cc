#include "next_token.h"

#include <algorithm>
#include <cmath>

#include "copier.h"
#include "forward.h"

namespace matcoder {

ChosenToken choose_token(const Kernels& kernels, const TokenBytes& token_bytes, const Request& request,
                         const std::vector<int32_t>& text, bool is_first, const std::string& healing_prefix,
                         float* logits, int vocabulary) {
  ChosenToken best;
  best.token = kernels.most_likely(logits, vocabulary, &best.probability);
  float allowed = 1;  // the model's probability of all tokens that match the healing prefix
  if (!healing_prefix.empty()) {
    const float top_logit = logits[best.token], top_probability = best.probability;
    token_bytes.mask_other_tokens(healing_prefix, logits);
    best.token = kernels.most_likely(logits, vocabulary, &best.probability);
    allowed = top_probability * std::exp(logits[best.token] - top_logit) / best.probability;
  }
  if (request.copy_weights.empty()) return best;
  const Match match = find_match(text);
  if (match.length == 0) return best;
  const int32_t copy = text[match.next];
  const auto& banned = request.banned_first_tokens;
  if (is_first && std::find(banned.begin(), banned.end(), copy) != banned.end()) return best;
  if (!healing_prefix.empty() && !token_bytes.matches(copy, healing_prefix)) return best;
  const int longest = static_cast<int>(request.copy_weights.size());
  float weight = request.copy_weights[std::min(match.length, longest) - 1];
  // Bayes: a copy that matches the healing prefix becomes more probable by that.
  if (!healing_prefix.empty() && weight > 0) weight /= weight + (1 - weight) * allowed;
  const float copy_probability = (1 - weight) * best.probability * std::exp(logits[copy] - logits[best.token]) + weight;
  best.probability *= 1 - weight;
  if (copy == best.token || copy_probability > best.probability) best = {copy, copy_probability};
  return best;
}

}  // namespace matcoder
