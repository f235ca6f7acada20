#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "healing.h"
#include "memory/memory_view.h"
#include "model.h"
#include "score_bound.h"
#include "speculation.h"

namespace matcoder {

class Memory;

// What a request reports to its caller, on the engine's thread.
struct Event {
  enum Kind { kProgress, kPrefill, kToken, kLogits, kEnd } kind = kEnd;
  // kProgress: the tokens read so far. kPrefill: all that were read.
  int prefilled_tokens = 0;
  // kPrefill
  int reused_tokens = 0;
  double prefill_ms = 0;
  // kToken
  int32_t token = 0;
  float probability = 0;
  float memory_share = 0;
  int match_length = 0;
  // kLogits: [tokens, vocabulary]
  std::vector<float> logits;
  // kEnd
  std::string reason;  // stop, line, scoreBound, length, context, aborted or failed
  std::string message;
  int decoded_tokens = 0;
  int cached_tokens = -1;  // if the prefill was aborted: prompt tokens that the cache holds; -1: the cache is unchanged
  int passes = 0;          // over the submodel's weights, after the prompt's
  double decode_ms = 0;
  DraftCounts drafts;
};

// One completion. The options are declared here and nowhere else in C++; addon.cc reads them from JavaScript.
struct Request {
  std::vector<int32_t> tokens;  // the prompt
  std::vector<int> widths;      // [layers] the submodel
  int max_tokens = 0;           // 0: read the prompt into the cache and end
  std::vector<int32_t> stop_tokens;
  std::vector<int32_t> banned_first_tokens;  // never chosen as the first token
  bool uses_memory = false;                  // mixes what followed earlier matches into the model's predictions
  MemoryPlace place;                         // in the memory
  std::string healing_prefix;                // bytes that the first tokens must spell: the end of the prompt's text
  std::vector<int32_t> expected;  // the probable beginning of the answer: drafted at once, before all other drafts
  bool ends_with_line = false;    // at the first token with a line end after the healing prefix
  std::optional<ScoreBound> score_bound;  // end if no longer answer can reach it
  Speculation speculation;
  bool all_logits = false;  // for tests: no decoding, but the logits after every token of the prompt

  std::function<void(Event)> on_event;
  std::atomic<bool> aborted{false};  // belongs to this request, so aborting it cannot stop the next one
};

// Throws std::invalid_argument if the request makes no sense for this model.
// memory: null if the engine has none
void check_request(const Request& request, const Config& config, const TokenBytes& token_bytes, const Memory* memory);

// The end event of a request that decoded nothing.
Event end_event(const char* reason, std::string message = "");

}  // namespace matcoder
