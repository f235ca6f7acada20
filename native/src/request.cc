#include "request.h"

#include <cmath>
#include <stdexcept>
#include <utility>

namespace matcoder {
namespace {

void check_tokens(const std::vector<int32_t>& tokens, const Config& c) {
  for (const int32_t token : tokens)
    if (token < 0 || token >= c.vocabulary)
      throw std::invalid_argument("the token " + std::to_string(token) + " is not in the vocabulary of " +
                                  std::to_string(c.vocabulary));
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
  check_tokens(request.banned_first_tokens, c);
  check_tokens(request.expected, c);
  if (request.uses_memory && memory == nullptr)
    throw std::invalid_argument("a request uses the memory, but the engine was opened without one");
  if (request.score_bound && !is_finite(*request.score_bound))
    throw std::invalid_argument("the score bound holds a number that is not finite");
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
