#include "engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <stdexcept>

#include "copier.h"

namespace matcoder {
namespace {

static_assert(kMaxHeads == kMaxDraft + 1, "the target looks at all drafts and what follows them at once");

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// The draft reads the cache that the target writes, so it may run no layer that the target skips.
void check_speculation(const Config& c, const Request& request) {
  const Speculation& how = request.speculation;
  if (how.max_tokens < 0 || how.max_tokens > kMaxDraft)
    throw std::invalid_argument("a draft has 0 to " + std::to_string(kMaxDraft) + " tokens, not " +
                                std::to_string(how.max_tokens));
  if (how.widths.empty()) return;
  check_widths(c, how.widths);
  for (int l = 0; l < c.layers; l++)
    if (how.widths[l] > request.widths[l])
      throw std::invalid_argument("the draft is wider than its target in layer " + std::to_string(l));
}

void learn(const Draft& draft, size_t i, bool accepted, Speculator& speculator, DraftCounts& counts) {
  if (draft.match_length > 0) {
    speculator.copied(draft.match_length + static_cast<int>(i), accepted);
    counts.copied++;
    counts.copied_accepted += accepted;
  } else if (!draft.probabilities.empty()) {
    speculator.wrote(draft.probabilities[i], accepted);
    counts.written++;
    counts.written_accepted += accepted;
  }
}

Event ended(const char* reason) {
  Event event;
  event.kind = Event::kEnd;
  event.reason = reason;
  return event;
}

}  // namespace

Engine::Engine(std::unique_ptr<Model> model, const Kernels& kernels, int threads, std::vector<std::string> token_bytes)
    : model_(std::move(model)),
      kernels_(kernels),
      token_bytes_(std::move(token_bytes), model_->config.vocabulary),
      pool_(threads),
      cache_(model_->config),
      scratch_(model_->config, threads),
      thread_([this] { serve(); }) {}

Engine::~Engine() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    for (auto& request : queue_) request->aborted = true;
    if (running_) running_->aborted = true;
  }
  arrived_.notify_one();
  thread_.join();
}

void Engine::submit(std::shared_ptr<Request> request) {
  const Config& c = model_->config;
  check_widths(c, request->widths);
  if (request->tokens.empty()) throw std::invalid_argument("a request needs at least one token");
  if (static_cast<int>(request->tokens.size()) > c.context)
    throw std::invalid_argument("the prompt has " + std::to_string(request->tokens.size()) +
                                " tokens, the model's context " + std::to_string(c.context));
  std::vector<int32_t> named = request->tokens;
  named.insert(named.end(), request->banned_first_tokens.begin(), request->banned_first_tokens.end());
  named.insert(named.end(), request->expected.begin(), request->expected.end());
  for (const int32_t token : named)
    if (token < 0 || token >= c.vocabulary)
      throw std::invalid_argument("the token " + std::to_string(token) + " is not in the vocabulary of " +
                                  std::to_string(c.vocabulary));
  if (request->copy_weights.size() > kLongestMatch)
    throw std::invalid_argument("there are " + std::to_string(request->copy_weights.size()) +
                                " copy weights; a match has at most " + std::to_string(kLongestMatch) + " tokens");
  for (const float weight : request->copy_weights)
    if (!(weight >= 0 && weight < 1)) throw std::invalid_argument("a copy weight is not at least 0 and below 1");
  check_speculation(c, *request);
  token_bytes_.check(request->healing_prefix);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(request));
  }
  arrived_.notify_one();
}

void Engine::abort(const std::shared_ptr<Request>& request) {
  request->aborted = true;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto waiting = std::find(queue_.begin(), queue_.end(), request);
    if (waiting == queue_.end()) return;
    queue_.erase(waiting);
  }
  request->on_event(ended("aborted"));
}

void Engine::serve() {
  for (;;) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      running_.reset();
      arrived_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      running_ = queue_.front();
      queue_.pop_front();
    }
    try {
      run(*running_);
    } catch (const std::exception& error) {
      Event event = ended("failed");
      event.message = error.what();
      running_->on_event(std::move(event));
    }
  }
}

void Engine::run(Request& request) {
  const std::vector<int32_t> expected = request.all_logits ? std::vector<int32_t>() : this->expected(request);
  Draft draft{expected, 0, {}};
  if (!request.aborted && prefill(request, draft) && !request.all_logits) {
    request.on_event(decode(request, expected, std::move(draft)));
  } else {
    request.on_event(ended(request.aborted ? "aborted" : "stop"));
  }
}

// What the answer probably begins with: the tokens with which the last one spelled what is given back, where it was in
// this place, or else what the caller expects.
std::vector<int32_t> Engine::expected(const Request& request) const {
  const size_t total = request.tokens.size();
  if (request.healing_prefix.empty() || answered_.size() <= total ||
      !std::equal(request.tokens.begin(), request.tokens.end(), answered_.begin()))
    return request.expected;
  std::string healing_prefix = request.healing_prefix;
  size_t end = total;
  while (!healing_prefix.empty() && end < answered_.size() && token_bytes_.may_come(answered_[end], healing_prefix))
    token_bytes_.spelled(answered_[end++], healing_prefix);
  if (!healing_prefix.empty()) return request.expected;
  return {answered_.begin() + static_cast<std::ptrdiff_t>(total), answered_.begin() + static_cast<std::ptrdiff_t>(end)};
}

// Brings the cache to the request's tokens; false if aborted on the way. What another submodel wrote is kept,
// but the last token always runs, because its logits are wanted: and with it as much of the draft as fits.
bool Engine::prefill(Request& request, Draft& draft) {
  const auto start = Clock::now();
  const int total = static_cast<int>(request.tokens.size());
  const int reused =
      request.all_logits ? 0 : std::min(cache_.reusable(request.tokens, layer_mask(request.widths)), total - 1);
  cache_.truncate(reused);
  const int last_chunk = (total - reused - 1) % kChunk + 1;
  const int drafted = std::max(0, std::min({static_cast<int>(draft.tokens.size()), kMaxDraft, kChunk - last_chunk,
                                            model_->config.context - total, request.max_tokens - 1}));
  draft.tokens.resize(drafted);
  std::vector<int32_t> tokens = request.tokens;
  tokens.insert(tokens.end(), draft.tokens.begin(), draft.tokens.end());
  Event logits;
  logits.kind = Event::kLogits;
  for (int done = reused; done < total; done += kChunk) {
    const int count = std::min(kChunk, total - done);
    const int also = done + count == total ? drafted : 0;
    if (!forward(*model_, kernels_, request.widths, tokens.data() + done, count + also, cache_, scratch_, pool_,
                 request.aborted))
      return false;
    for (int t = 0; request.all_logits && t < count; t++) {
      heads(*model_, kernels_, t, 1, scratch_, pool_);
      const float* row = logits_of(scratch_, 0);
      logits.logits.insert(logits.logits.end(), row, row + model_->config.vocabulary);
    }
    if (done + count == total) heads(*model_, kernels_, count - 1, 1 + drafted, scratch_, pool_);
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

// The likeliest token after `text` by the logits, mixed with copying: (1 - w) * model + w * [what followed the longest
// match]. Where text was given back, among the tokens that spell it, with its probability among those.
void Engine::choose(const Request& request, float* logits, const std::vector<int32_t>& text, bool is_first,
                    const std::string& healing_prefix, Event& event) const {
  const int vocabulary = model_->config.vocabulary;
  event.kind = Event::kToken;
  event.token = kernels_.most_likely(logits, vocabulary, &event.probability);
  // Weights that are finite, but huge, overflow on the way.
  if (!std::isfinite(event.probability))
    throw std::runtime_error("the logits are not finite: the weights of this checkpoint are no model's");
  float allowed = 1;  // the model's probability of all tokens that may come
  if (!healing_prefix.empty()) {
    const float top = logits[event.token], top_probability = event.probability;
    token_bytes_.bar_others(healing_prefix, logits);
    event.token = kernels_.most_likely(logits, vocabulary, &event.probability);
    allowed = top_probability * std::exp(logits[event.token] - top) / event.probability;
  }
  if (request.copy_weights.empty()) return;
  const Match match = find_match(text);
  if (match.length == 0) return;
  const int32_t next = text[match.next];
  const auto& never = request.banned_first_tokens;
  if (is_first && std::find(never.begin(), never.end(), next) != never.end()) return;
  if (!healing_prefix.empty() && !token_bytes_.may_come(next, healing_prefix)) return;
  const int last = static_cast<int>(request.copy_weights.size());
  float weight = request.copy_weights[std::min(match.length, last) - 1];
  // That the copy spells what was given back speaks for it.
  if (!healing_prefix.empty() && weight > 0) weight /= weight + (1 - weight) * allowed;
  const float copied = (1 - weight) * event.probability * std::exp(logits[next] - logits[event.token]) + weight;
  event.probability *= 1 - weight;
  if (next == event.token || copied > event.probability) {
    event.token = next;
    event.probability = copied;
  }
}

// What may follow `text`, whose last token `last` is not in the cache yet; the cache is left as it was.
Draft Engine::draft(const Request& request, const std::vector<int32_t>& text, int32_t last, int room,
                    Speculator& speculator) {
  const Speculation& how = request.speculation;
  Draft draft;
  room = std::min(room, how.max_tokens);
  if (room <= 0) return draft;
  const bool explore = !how.always && speculator.explore();
  if (const Match match = find_match(text); match.length > 0) {
    const int paying = how.always ? room : speculator.worth_copying(match.length, room);
    const int count = explore ? std::max(paying, std::min(2, room)) : paying;
    const int size = static_cast<int>(text.size());
    for (int next = match.next; static_cast<int>(draft.tokens.size()) < count; next++)
      draft.tokens.push_back(next < size ? text[next] : draft.tokens[next - size]);
    draft.match_length = match.length;
    if (count > 0) return draft;
  }
  draft.match_length = 0;
  if (how.widths.empty()) return draft;
  const int cached = static_cast<int>(cache_.tokens.size());
  int32_t token = last;
  while (static_cast<int>(draft.tokens.size()) < room) {
    const bool wanted =
        how.always || (explore && draft.tokens.empty()) || speculator.worth_writing(draft.probabilities);
    if (!wanted) break;
    const auto start = Clock::now();
    if (!forward(*model_, kernels_, how.widths, &token, 1, cache_, scratch_, pool_, request.aborted)) break;
    heads(*model_, kernels_, 0, 1, scratch_, pool_);
    float probability;
    token = kernels_.most_likely(logits_of(scratch_, 0), model_->config.vocabulary, &probability);
    if (!std::isfinite(probability)) break;
    speculator.draft_took(ms_since(start));
    draft.tokens.push_back(token);
    draft.probabilities.push_back(probability);
  }
  cache_.truncate(cached);
  return draft;
}

// Greedy, from the logits that prefill left of the prompt and a draft. Drafts change nothing but the time: the target
// looks at each, and the first that it would not have chosen ends them.
Event Engine::decode(Request& request, const std::vector<int32_t>& expected, Draft draft) {
  const auto start = Clock::now();
  const Config& c = model_->config;
  // The prompt and what was decoded, as the look-up reads it: a mark stands between the text before the cursor and what
  // follows it, and no match would cross it.
  std::vector<int32_t> text;
  std::copy_if(request.tokens.begin(), request.tokens.end(), std::back_inserter(text),
               [&](int32_t token) { return !token_bytes_.is_mark(token); });
  int length = static_cast<int>(request.tokens.size());  // of the sequence
  std::vector<int> pair = request.widths;
  pair.insert(pair.end(), request.speculation.widths.begin(), request.speculation.widths.end());
  Speculator& speculator = speculators_[pair];
  DraftCounts drafts;
  int decoded = 0, passes = 0;
  answered_ = request.tokens;
  Tally tally;
  const auto finish = [&](const char* reason) {
    Event event = ended(reason);
    event.decoded_tokens = decoded;
    event.passes = passes;
    event.decode_ms = ms_since(start);
    event.drafts = drafts;
    return event;
  };

  std::string healing_prefix = request.healing_prefix;  // what is left of it to spell
  for (const int32_t token : request.banned_first_tokens) logits_of(scratch_, 0)[token] = kBarred;
  std::vector<int32_t> tokens;  // the pass's: the last of the sequence, and its draft
  bool as_expected = true;
  for (;;) {
    // Row i of the logits follows i accepted drafts.
    for (size_t i = 0; i <= draft.tokens.size(); i++) {
      if (request.aborted) return finish("aborted");
      if (decoded == request.max_tokens) return finish("length");
      const int cached = length;
      Event event;
      choose(request, logits_of(scratch_, static_cast<int>(i)), text, decoded == 0, healing_prefix, event);
      const bool accepted = i < draft.tokens.size() && draft.tokens[i] == event.token;
      if (i < draft.tokens.size()) learn(draft, i, accepted, speculator, drafts);
      const size_t nth = static_cast<size_t>(decoded);
      as_expected = as_expected && nth < expected.size() && expected[nth] == event.token;
      const auto& stops = request.stop_tokens;
      if (std::find(stops.begin(), stops.end(), event.token) != stops.end()) {
        cache_.truncate(cached);
        return finish("stop");
      }
      const int32_t last = event.token;
      const std::string_view beyond = token_bytes_.beyond(last, healing_prefix);
      const bool is_news = healing_prefix.empty() || !beyond.empty();
      if (is_news) tally.add(event.probability);
      if (!healing_prefix.empty()) token_bytes_.spelled(last, healing_prefix);
      answered_.push_back(last);
      if (!token_bytes_.is_mark(last)) text.push_back(last);
      tokens = {last};
      length++;
      decoded++;
      request.on_event(std::move(event));
      const char* reason = nullptr;
      if (request.ends_with_line && beyond.find('\n') != std::string_view::npos)
        reason = "line";
      else if (is_news && request.score_bound && !tally.may_become_even(*request.score_bound))
        reason = "scoreBound";
      else if (cached == c.context)
        reason = "context";
      else if (decoded == request.max_tokens)
        reason = "length";
      if (reason) {
        cache_.truncate(cached);
        return finish(reason);
      }
      if (!accepted) {
        cache_.truncate(cached);
        break;
      }
    }
    const int room = std::min({request.max_tokens - decoded - 1, c.context - length, kMaxDraft});
    const auto next = expected.begin() + (as_expected ? decoded : 0);
    if (as_expected && next != expected.end() && room > 0)
      draft = {{next, next + std::min<std::ptrdiff_t>(room, expected.end() - next)}, 0, {}};
    else
      draft = this->draft(request, text, tokens.back(), room, speculator);
    tokens.insert(tokens.end(), draft.tokens.begin(), draft.tokens.end());
    const int count = static_cast<int>(tokens.size());
    const auto pass = Clock::now();
    if (!forward(*model_, kernels_, request.widths, tokens.data(), count, cache_, scratch_, pool_, request.aborted))
      return finish("aborted");
    heads(*model_, kernels_, 0, count, scratch_, pool_);
    passes++;
    speculator.target_took(count, ms_since(pass));
  }
}

}  // namespace matcoder
