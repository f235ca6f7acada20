#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels.h"
#include "request.h"

namespace matcoder {

struct ChosenToken {
  int32_t token = 0;
  float probability = 0;
};

// The most probable token after `text` (the sequence so far without special tokens). The distribution is the model's,
// mixed with copying from the context: (1 - w) * model + w * [the token that followed the longest earlier match].
// With a healing prefix, both are conditioned on the tokens that match it, and so is the probability.
// logits: [vocabulary], which may be masked. If they are not finite, the probability is not either.
ChosenToken choose_token(const Kernels& kernels, const TokenBytes& token_bytes, const Request& request,
                         const std::vector<int32_t>& text, bool is_first, const std::string& healing_prefix,
                         float* logits, int vocabulary);

}  // namespace matcoder
