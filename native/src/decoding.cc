#include "decoding.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "memory/matches.h"
#include "next_token.h"

namespace matcoder {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Records whether the target accepted the i-th token of a draft.
void learn(const Draft& draft, size_t i, bool accepted, Speculator& speculator, DraftCounts& counts) {
  if (!draft.matches.empty() && draft.matches[i].length > 0) {
    speculator.record_copied(draft.matches[i], accepted);
    counts.copied++;
    counts.copied_accepted += accepted;
  } else if (!draft.probabilities.empty()) {
    speculator.record_written(draft.probabilities[i], accepted);
    counts.written++;
    counts.written_accepted += accepted;
  }
}

const Components kNoMatches{};

bool contains(const std::vector<int32_t>& tokens, int32_t token) {
  return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
}

}  // namespace

// The state of one answer while it is decoded.
struct Decoder::Answer {
  Speculator& speculator;
  Matcher matcher;
  int length;                  // of the sequence: prompt and answer
  std::vector<int32_t> text;   // the sequence without special tokens, because no match would cross one
  std::string healing_prefix;  // the part that is not spelled yet
  int32_t last = 0;            // the last token of the sequence, which is not in the cache yet
  bool as_expected = true;     // whether the answer so far equals the expected tokens
  ScoreCounts scores{};
  int decoded = 0, passes = 0;
  DraftCounts drafts{};
};

Decoder::Decoder(std::unique_ptr<Model> model, const Kernels& kernels, int threads,
                 const std::vector<std::string>& token_bytes, std::shared_ptr<const Memory> memory,
                 std::chrono::milliseconds progress_interval, size_t cache_bytes, int draft_rows)
    : model_(std::move(model)),
      compensation_(*model_),
      kernels_(kernels),
      token_bytes_(token_bytes, model_->config.vocabulary),
      memory_(std::move(memory)),
      progress_interval_(progress_interval),
      pool_(threads),
      draft_rows_(draft_rows / kLanes * kLanes),
      caches_(model_->config, cache_bytes),
      cache_(&caches_.of(0)),
      scratch_(model_->config, threads) {}

void Decoder::forget(const std::vector<int32_t>& cache_keys) {
  caches_.forget(cache_keys);
  cache_ = &caches_.of(0);
  cached_bytes_ = caches_.bytes();
}

Event Decoder::run(Request& request) {
  if (request.aborted) return end_event("aborted");
  cache_ = &caches_.of(request.cache_key);
  struct AtEnd {
    Decoder& decoder;
    ~AtEnd() {
      decoder.caches_.shrink();
      decoder.cached_bytes_ = decoder.caches_.bytes();
    }
  } at_end{*this};
  if (request.looks_up) return look_up(request);
  if (!request.keys_and_values.empty()) return import_keys_and_values(request);
  // Before anything is timed: the speculation learns from the times of passes.
  if (!compensation_.prepare(request.widths, pool_, request.aborted)) return end_event("aborted");
  const std::vector<int>& draft_widths = request.speculation.widths;
  if (!draft_widths.empty() && !compensation_.prepare(draft_widths, pool_, request.aborted))
    return end_event("aborted");
  if (request.gathers_activations) return gather_activations(request);
  if (request.scored_from > 0) return score(request);
  std::vector<int> pair = request.widths;
  pair.insert(pair.end(), request.speculation.widths.begin(), request.speculation.widths.end());
  Answer answer{speculators_[pair],
                Matcher(request.uses_memory ? memory_for(request)->view(request.place) : MemoryView()),
                static_cast<int>(request.tokens.size()), text_of(request, static_cast<int>(request.tokens.size())),
                request.healing_prefix};
  const std::vector<int32_t> expected = request.all_logits ? std::vector<int32_t>() : expected_tokens(request);
  Draft draft = first_draft(request, expected, answer);
  if (!prefill(request, draft)) {
    Event event = end_event("aborted");
    event.cached_tokens = static_cast<int>(cache_->tokens.size());
    return event;
  }
  if (request.all_logits) return end_event("stop");
  return decode(request, expected, std::move(draft), answer);
}

Event Decoder::look_up(const Request& request) const {
  Event event = end_event("stop");
  event.cached_tokens = cache_->reusable(request.tokens, layer_mask(request.widths));
  return event;
}

// Puts the keys and values of the last tokens of the prompt after those of the first, which the cache must hold. The
// layers that the submodel skips are left as they are, because no reader of these positions uses them.
Event Decoder::import_keys_and_values(const Request& request) {
  const Config& c = model_->config;
  const int begin = request.imported_from, end = static_cast<int>(request.tokens.size());
  if (cache_->reusable(request.tokens, layer_mask(request.widths)) < begin)
    return end_event("failed", "the cache does not hold the " + std::to_string(begin) +
                                   " tokens before the keys and values to copy");
  cache_->truncate(begin);
  cache_->reserve(end);
  const uint16_t* from = request.keys_and_values.data();
  const size_t row = static_cast<size_t>(c.kv_heads) * c.head_dim, of_layer = row * (end - begin);
  for (int l = 0; l < c.layers; l++, from += 2 * of_layer) {
    if (request.widths[l] == 0) continue;
    pool_.run(c.kv_heads, [&](int h, int) {
      for (int i = 0; i < end - begin; i++) {
        const uint16_t* keys = from + i * row + static_cast<size_t>(h) * c.head_dim;
        cache_->store(l, h, begin + i, keys, keys + of_layer, c.head_dim);
      }
    });
  }
  cache_->append(request.tokens.data() + begin, end - begin, layer_mask(request.widths));
  return end_event("stop");
}

// The draft that is verified together with the prompt: the expected tokens and, if they spell the whole healing prefix,
// what followed earlier matches of the text with them.
Draft Decoder::first_draft(const Request& request, const std::vector<int32_t>& expected, Answer& answer) const {
  Draft draft{expected, {}, {}};
  std::string unspelled = request.healing_prefix;
  for (const int32_t token : expected)
    if (!unspelled.empty()) token_bytes_.consume(token, unspelled);
  const size_t size = answer.text.size();
  std::copy_if(expected.begin(), expected.end(), std::back_inserter(answer.text),
               [&](int32_t token) { return !token_bytes_.is_special(token); });
  const int room = request.speculation.max_tokens - static_cast<int>(expected.size());
  if (unspelled.empty() && room > 0) {
    const Draft more = speculate_from_matches(room, request.speculation.always, false, answer);
    draft.tokens.insert(draft.tokens.end(), more.tokens.begin(), more.tokens.end());
    draft.matches.resize(expected.size());
    draft.matches.insert(draft.matches.end(), more.matches.begin(), more.matches.end());
  }
  answer.text.resize(size);
  return draft;
}

// The probable beginning of the answer. If the previous sequence continues this prompt with tokens that spell the
// healing prefix, these tokens; otherwise those that the caller expects.
std::vector<int32_t> Decoder::expected_tokens(const Request& request) const {
  const auto& before = cache_->last_sequence;
  const size_t begin = request.tokens.size();
  if (request.healing_prefix.empty() || before.size() <= begin ||
      !std::equal(request.tokens.begin(), request.tokens.end(), before.begin()))
    return request.expected;
  std::string prefix = request.healing_prefix;
  size_t end = begin;
  while (!prefix.empty() && end < before.size() && token_bytes_.matches(before[end], prefix))
    token_bytes_.consume(before[end++], prefix);
  if (!prefix.empty()) return request.expected;
  return {before.begin() + static_cast<std::ptrdiff_t>(begin), before.begin() + static_cast<std::ptrdiff_t>(end)};
}

bool Decoder::run_forward(const Request& request, const std::vector<int>& widths, const int32_t* tokens, int count,
                          const std::function<void()>& on_layer) {
  return forward(*model_, kernels_, compensation_, widths, tokens, count, *cache_, scratch_, pool_, request.aborted,
                 nullptr, on_layer);
}

// Brings the cache to the request's tokens; false if aborted on the way, and then the cache keeps the chunks that were
// read. Positions that another submodel wrote are kept too. The last token always runs, because its logits are wanted,
// and with it as much of the draft as fits into the chunk; the rest of the draft is dropped.
bool Decoder::prefill(Request& request, Draft& draft) {
  const auto start = Clock::now();
  auto reported = start;
  const int total = static_cast<int>(request.tokens.size());
  const int reused = std::min(cache_->reusable(request.tokens, layer_mask(request.widths)),
                              request.all_logits ? std::clamp(request.reusable_tokens, 0, total - 1) : total - 1);
  cache_->truncate(reused);
  const int last_chunk = (total - reused - 1) % kPrefillChunk + 1;
  const int drafted =
      std::max(0, std::min({static_cast<int>(draft.tokens.size()), kMaxDraft, kPrefillChunk - last_chunk,
                            model_->config.context - total, request.max_tokens - 1}));
  draft.tokens.resize(drafted);
  std::vector<int32_t> tokens = request.tokens;
  tokens.insert(tokens.end(), draft.tokens.begin(), draft.tokens.end());
  Event logits;
  logits.kind = Event::kLogits;
  int done = reused;
  const auto report = [&] {
    if (Clock::now() - reported < progress_interval_) return;
    reported = Clock::now();
    Event progress;
    progress.kind = Event::kProgress;
    progress.prefilled_tokens = done - reused;
    request.on_event(std::move(progress));
  };
  while (done < total) {
    const int count = std::min(kPrefillChunk, total - done);
    const bool is_last = done + count == total;
    // After each layer too, because a chunk of a large model takes many seconds on a slow machine.
    if (!run_forward(request, request.widths, tokens.data() + done, count + (is_last ? drafted : 0), report))
      return false;
    for (int t = 0; request.all_logits && t < count; t++) {
      lm_head(*model_, kernels_, t, 1, scratch_, pool_);
      const float* row = logits_of(scratch_, 0);
      logits.logits.insert(logits.logits.end(), row, row + model_->config.vocabulary);
    }
    if (is_last && request.max_tokens > 0) lm_head(*model_, kernels_, count - 1, 1 + drafted, scratch_, pool_);
    done += count;
    if (!is_last) report();
  }
  Event event;
  event.kind = Event::kPrefill;
  event.reused_tokens = reused;
  event.prefilled_tokens = total - reused;
  event.prefill_ms = ms_since(start);
  request.on_event(std::move(event));
  if (request.all_logits) request.on_event(std::move(logits));
  return true;
}

// Greedy decoding, from the logits that prefill left after the prompt and a draft. Drafts change the time and never the
// text: the target verifies each, and the first that it would not have chosen ends the draft.
Event Decoder::decode(Request& request, const std::vector<int32_t>& expected, Draft draft, Answer& answer) {
  const auto start = Clock::now();
  prepare_draft_head(request);
  cache_->last_sequence = request.tokens;

  const char* reason = nullptr;
  while ((reason = verify(request, expected, draft, answer)) == nullptr) {
    draft = next_draft(request, expected, answer);
    std::vector<int32_t> tokens = {answer.last};
    tokens.insert(tokens.end(), draft.tokens.begin(), draft.tokens.end());
    const int count = static_cast<int>(tokens.size());
    const auto pass_start = Clock::now();
    if (!run_forward(request, request.widths, tokens.data(), count)) {
      reason = "aborted";
      break;
    }
    lm_head(*model_, kernels_, 0, count, scratch_, pool_);
    answer.passes++;
    answer.speculator.record_target_pass(count, ms_since(pass_start));
  }
  Event event = end_event(reason);
  event.decoded_tokens = answer.decoded;
  event.passes = answer.passes;
  event.decode_ms = ms_since(start);
  event.drafts = answer.drafts;
  return event;
}

// Chooses tokens by the logits of the last pass, whose row i follows i accepted drafts, up to the first that was not
// drafted. Leaves everything before that token in the cache. Returns why the answer ends here, or null if it goes on.
const char* Decoder::verify(Request& request, const std::vector<int32_t>& expected, const Draft& draft,
                            Answer& answer) {
  const Config& c = model_->config;
  for (size_t i = 0; i <= draft.tokens.size(); i++) {
    if (request.aborted) return "aborted";
    if (answer.decoded == request.max_tokens) return "length";
    const int cached = answer.length;  // positions before the token that is chosen now
    const Constraints constraints{answer.decoded == 0 ? &request.banned_first_tokens : nullptr, answer.healing_prefix};
    const Components& matches = request.uses_memory ? answer.matcher.look_up(answer.text) : kNoMatches;
    const ChosenToken chosen =
        choose_token(kernels_, token_bytes_, request.uses_memory ? &memory_for(request)->gate() : nullptr, matches,
                     constraints, logits_of(scratch_, static_cast<int>(i)), c.padded_vocabulary());
    check_finite(*model_, chosen.probability, "the logits");
    const int32_t token = chosen.token;
    const bool accepted = i < draft.tokens.size() && draft.tokens[i] == token;
    if (i < draft.tokens.size()) learn(draft, i, accepted, answer.speculator, answer.drafts);
    const size_t nth = static_cast<size_t>(answer.decoded);
    answer.as_expected = answer.as_expected && nth < expected.size() && expected[nth] == token;
    if (contains(request.stop_tokens, token)) {
      cache_->truncate(cached);
      return "stop";
    }
    const std::string_view new_bytes = token_bytes_.bytes_beyond(token, answer.healing_prefix);
    const bool is_new = answer.healing_prefix.empty() || !new_bytes.empty();
    if (is_new) answer.scores.add(chosen.probability, chosen.memory_share);
    if (!answer.healing_prefix.empty()) token_bytes_.consume(token, answer.healing_prefix);
    cache_->last_sequence.push_back(token);
    use(token);
    if (!token_bytes_.is_special(token)) answer.text.push_back(token);
    answer.last = token;
    answer.length++;
    answer.decoded++;

    Event event;
    event.kind = Event::kToken;
    event.token = token;
    event.probability = chosen.probability;
    event.memory_share = chosen.memory_share;
    event.match_length = chosen.match_length;
    request.on_event(std::move(event));

    const char* reason = nullptr;
    if (request.ends_with_line && new_bytes.find('\n') != std::string_view::npos)
      reason = "line";
    else if (is_new && request.score_bound && !answer.scores.may_reach(*request.score_bound))
      reason = "scoreBound";
    else if (cached == c.context)
      reason = "context";
    else if (answer.decoded == request.max_tokens)
      reason = "length";
    if (reason != nullptr || !accepted) {
      cache_->truncate(cached);
      return reason;
    }
  }
  return nullptr;
}

// The draft that the next pass verifies: the rest of the expected tokens, or a speculative draft.
Draft Decoder::next_draft(const Request& request, const std::vector<int32_t>& expected, Answer& answer) {
  const int room =
      std::min({request.max_tokens - answer.decoded - 1, model_->config.context - answer.length, kMaxDraft});
  const int left = answer.as_expected ? static_cast<int>(expected.size()) - answer.decoded : 0;
  if (left > 0 && room > 0) {
    const auto next = expected.begin() + answer.decoded;
    return {{next, next + std::min(room, left)}, {}, {}};
  }
  return speculate(request, std::min(room, request.speculation.max_tokens), answer);
}

// After each drafted token, the longest match of the text with it says what comes next.
Draft Decoder::speculate_from_matches(int room, bool always, bool explore, Answer& answer) const {
  Draft draft;
  std::vector<int32_t>& text = answer.text;
  const size_t size = text.size();
  while (static_cast<int>(draft.tokens.size()) < room) {
    answer.matcher.look_up(text);
    const Component& longest = answer.matcher.longest();
    if (longest.length == 0) break;
    const auto [token, share] = longest.continuations[0];
    const FoundMatch match{longest.length, share};
    const bool is_tried = always || (explore && draft.tokens.size() < 2);
    if (!is_tried && !answer.speculator.worth_copying(draft.matches, match)) break;
    draft.tokens.push_back(token);
    draft.matches.push_back(match);
    text.push_back(token);
  }
  text.resize(size);
  return draft;
}

// A draft of tokens that followed earlier matches, or else written by the draft submodel, of at most `room` tokens and
// as long as it pays; the cache is left as it was.
Draft Decoder::speculate(const Request& request, int room, Answer& answer) {
  const Speculation& how = request.speculation;
  Speculator& speculator = answer.speculator;
  if (room <= 0) return {};
  const bool explore = !how.always && speculator.explore();
  Draft draft = speculate_from_matches(room, how.always, explore, answer);
  if (!draft.tokens.empty()) return draft;
  if (how.widths.empty()) return draft;
  const int cached = static_cast<int>(cache_->tokens.size());
  int32_t token = answer.last;
  while (static_cast<int>(draft.tokens.size()) < room) {
    const bool wanted =
        how.always || (explore && draft.tokens.empty()) || speculator.worth_writing(draft.probabilities);
    if (!wanted) break;
    const auto start = Clock::now();
    if (!run_forward(request, how.widths, &token, 1)) break;
    const auto [drafted, probability] = most_likely_draft();
    check_finite(*model_, probability, "the logits");
    speculator.record_draft_pass(ms_since(start));
    token = drafted;
    draft.tokens.push_back(token);
    draft.probabilities.push_back(probability);
  }
  cache_->truncate(cached);
  return draft;
}

// A large vocabulary is drafted from with some rows of the head: those of the tokens of this request and earlier ones.
void Decoder::prepare_draft_head(const Request& request) {
  if (request.speculation.widths.empty() || request.speculation.max_tokens == 0) return;
  if (!draft_head_ && draft_rows_ > 0 && model_->config.vocabulary > 2 * draft_rows_)
    draft_head_ = std::make_unique<DraftHead>(model_->head(), draft_rows_);
  for (const auto* tokens : {&request.tokens, &request.stop_tokens})
    for (const int32_t token : *tokens) use(token);
}

void Decoder::use(int32_t token) {
  if (draft_head_ && token >= 0 && token < model_->config.vocabulary) draft_head_->use(token);
}

// The most likely token after the last forward(), and its probability among those that can be drafted.
std::pair<int32_t, float> Decoder::most_likely_draft() {
  float probability;
  float* logits = logits_of(scratch_, 0);
  if (draft_head_) {
    const int rows = draft_head_->matrix().rows;
    lm_head(*model_, kernels_, draft_head_->matrix(), 0, 1, scratch_, pool_);
    const int row = kernels_.most_likely(logits, rows, &probability);
    return {draft_head_->token(row), probability};
  }
  const int rows = model_->config.padded_vocabulary();
  lm_head(*model_, kernels_, 0, 1, scratch_, pool_);
  token_bytes_.mask_padding(logits, rows);
  const int32_t token = kernels_.most_likely(logits, rows, &probability);
  return {token, probability};
}

}  // namespace matcoder
