#include "request.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "memory/memory.h"

namespace matcoder {
namespace {

void check_tokens(const std::vector<int32_t>& tokens, const Config& c) {
  for (const int32_t token : tokens)
    if (token < 0 || token >= c.vocabulary)
      throw std::invalid_argument("the token " + std::to_string(token) + " is not in the vocabulary of " +
                                  std::to_string(c.vocabulary));
}

// An attention that meets a value that is not finite would blame the weights.
void check_imported(const Request& request, const Config& c) {
  const auto& values = request.keys_and_values;
  if (values.empty()) return;
  const int tokens = static_cast<int>(request.tokens.size());
  if (request.imported_from < 0 || request.imported_from >= tokens)
    throw std::invalid_argument("keys and values from the token " + std::to_string(request.imported_from) +
                                " on are none of a prompt of " + std::to_string(tokens));
  const size_t wanted =
      size_t{2} * c.layers * (tokens - request.imported_from) * static_cast<size_t>(c.kv_heads) * c.head_dim;
  if (values.size() != wanted)
    throw std::invalid_argument("there are " + std::to_string(values.size()) + " keys and values for " +
                                std::to_string(tokens - request.imported_from) + " tokens, not " +
                                std::to_string(wanted));
  constexpr uint16_t kExponent = 0x7c00;
  if (std::any_of(values.begin(), values.end(), [](uint16_t half) { return (half & kExponent) == kExponent; }))
    throw std::invalid_argument("the keys and values to copy are not finite");
}

// The draft submodel reads the cache that the target writes, so it must not run a layer that the target skips.
void check_speculation(const Request& request, const Config& c) {
  const Speculation& speculation = request.speculation;
  if (speculation.max_tokens < 0 || speculation.max_tokens > kMaxDraft)
    throw std::invalid_argument("a draft has 0 to " + std::to_string(kMaxDraft) + " tokens, not " +
                                std::to_string(speculation.max_tokens));
  if (speculation.widths.empty()) return;
  check_widths(c, speculation.widths);
  for (int l = 0; l < c.layers; l++)
    if (speculation.widths[l] > request.widths[l])
      throw std::invalid_argument("the draft is wider than its target in layer " + std::to_string(l));
}

}  // namespace

void check_request(const Request& request, const Config& c, const TokenBytes& token_bytes, const Memory* memory) {
  check_widths(c, request.widths);
  if (request.tokens.empty()) throw std::invalid_argument("a request needs at least one token");
  if (request.tokens.size() > static_cast<size_t>(c.context))
    throw std::invalid_argument("the prompt has " + std::to_string(request.tokens.size()) +
                                " tokens, the model's context " + std::to_string(c.context));
  check_tokens(request.tokens, c);
  if (request.suffix_begin < 0 || request.suffix_begin > request.suffix_end ||
      static_cast<size_t>(request.suffix_end) > request.tokens.size())
    throw std::invalid_argument("the suffix is not a part of the prompt");
  if (request.scored_from < 0 ||
      (request.scored_from > 0 && static_cast<size_t>(request.scored_from) >= request.tokens.size()))
    throw std::invalid_argument("no token from " + std::to_string(request.scored_from) + " on is there to be scored");
  if (request.scored_from > 0 && request.suffix_end > request.scored_from)
    throw std::invalid_argument("the suffix would be scored");
  if (request.gathers_activations &&
      std::any_of(request.widths.begin(), request.widths.end(), [&](int width) { return width != c.ffn; }))
    throw std::invalid_argument("activations are those of the whole model, but the request is for a submodel");
  check_tokens(request.banned_first_tokens, c);
  check_tokens(request.expected, c);
  if (request.uses_memory && memory == nullptr)
    throw std::invalid_argument("a request uses the memory, but the engine was opened without one");
  if (request.uses_memory && memory->vocabulary() > static_cast<size_t>(c.vocabulary))
    throw std::invalid_argument("the memory has tokens of a vocabulary of " + std::to_string(memory->vocabulary()) +
                                ", the model's has " + std::to_string(c.vocabulary));
  if (request.score_bound && !is_finite(*request.score_bound))
    throw std::invalid_argument("the score bound holds a number that is not finite");
  check_imported(request, c);
  check_speculation(request, c);
  token_bytes.check_prefix(request.healing_prefix);
}

Event end_event(const char* reason, std::string message) {
  Event event;
  event.kind = Event::kEnd;
  event.reason = reason;
  event.message = std::move(message);
  return event;
}

}  // namespace matcoder
