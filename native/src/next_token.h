#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "healing.h"
#include "kernels.h"
#include "memory/gate.h"

namespace matcoder {

struct ChosenToken {
  int32_t token = 0;
  float probability = 0;
  float memory_share = 0;  // of the probability, the part that came from earlier matches, 0 to 1
  int match_length = 0;    // of the longest match
};

// What limits the choice.
struct Constraints {
  const std::vector<int32_t>* banned = nullptr;  // tokens that are not chosen; null: none
  std::string healing_prefix;                    // the token spells the beginning of it, or all of it and more
};

// The most probable token. The distribution is a mixture: weights[0] * model + the sum of weights[k] * component k,
// with the weights of `gate`. If that is null or there is no match, it is the model's. It is conditioned on the tokens
// that are not banned and, with a healing prefix, that match it.
// logits: [vocabulary], which may be masked; a multiple of kLanes. If they are not finite, the probability is not
// either.
ChosenToken choose_token(const Kernels& kernels, const TokenBytes& token_bytes, const Gate* gate,
                         const Components& components, const Constraints& constraints, float* logits, int vocabulary);

}  // namespace matcoder
