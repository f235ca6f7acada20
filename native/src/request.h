#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "activations.h"
#include "healing.h"
#include "memory/gate.h"
#include "memory/memory_view.h"
#include "model.h"
#include "score_bound.h"
#include "speculation.h"

namespace matcoder {

class Memory;

// What a request reports to its caller, on the engine's thread.
struct Event {
  enum Kind { kProgress, kPrefill, kToken, kLogits, kScores, kActivations, kEnd } kind = kEnd;
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
  // kScores: [scored tokens] their log probabilities; with a memory, [scored tokens, kScoreColumns]
  std::vector<float> scores;
  // kActivations
  UnitActivations activations;
  // kEnd
  std::string reason;  // stop, line, scoreBound, length, context, aborted or failed
  std::string message;
  int decoded_tokens = 0;
  int cached_tokens =
      -1;          // if the prefill was aborted, or of a look-up: prompt tokens that the cache holds; otherwise -1
  int passes = 0;  // over the submodel's weights, after the prompt's
  double decode_ms = 0;
  DraftCounts drafts;
};

// One completion. The options are declared here and nowhere else in C++; addon.cc reads them from JavaScript.
struct Request {
  std::vector<int32_t> tokens;  // the prompt
  // Of the prompt, the text after the cursor if it comes after the text before it. The answer does not continue it.
  int suffix_begin = 0, suffix_end = 0;
  std::vector<int> widths;  // [layers] the submodel
  int32_t cache_key = 0;    // the document whose keys and values are used again
  int max_tokens = 0;       // 0: read the prompt into the cache and end
  std::vector<int32_t> stop_tokens;
  std::vector<int32_t> banned_first_tokens;  // never chosen as the first token
  bool uses_memory = false;                  // mixes what followed earlier matches into the model's predictions
  MemoryPlace place;                         // in the memory
  std::shared_ptr<const Memory> memory;      // of the caller; null: the one that the engine was opened with
  std::string healing_prefix;                // bytes that the first tokens must spell: the end of the prompt's text
  std::vector<int32_t> expected;  // the probable beginning of the answer: drafted at once, before all other drafts
  bool ends_with_line = false;    // at the first token with a line end after the healing prefix
  std::optional<ScoreBound> score_bound;  // end if no longer answer can reach it
  Speculation speculation;
  int scored_from = 0;               // if not 0: no decoding, but a score of each token of the prompt from this one on
  bool gathers_activations = false;  // no decoding, but what the hidden units of the whole model do in the prompt
  bool all_logits = false;           // no decoding, but the logits after every token of the prompt that is read
  int reusable_tokens = 0;           // with it: so many tokens of the prompt need not be read if the cache holds them
  bool looks_up = false;             // no decoding: the end event says how many tokens of the prompt the cache holds
  // Keys and values of the prompt's tokens from `imported_from` on, which another engine has computed: they are put
  // into the cache, and nothing is decoded. float16, [layer, keys and values, token, kv_head, head_dim]; empty for
  // none.
  std::vector<uint16_t> keys_and_values;
  int imported_from = 0;

  std::function<void(Event)> on_event;
  std::atomic<bool> aborted{false};  // belongs to this request, so aborting it cannot stop the next one
};

// What a score consists of if the request uses the memory: the log probability, the share of each component and the
// inputs of the gate.
constexpr int kScoreColumns = 1 + kComponents + kGateInputs;

// Throws std::invalid_argument if the request makes no sense for this model.
// memory: null if the engine has none
void check_request(const Request& request, const Config& config, const TokenBytes& token_bytes, const Memory* memory);

// The end event of a request that decoded nothing.
Event end_event(const char* reason, std::string message = "");

}  // namespace matcoder
