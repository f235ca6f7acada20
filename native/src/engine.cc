#include "engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>

#include "copier.h"

namespace matcoder {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Event ended(const char* reason) {
  Event event;
  event.kind = Event::kEnd;
  event.reason = reason;
  return event;
}

}  // namespace

Engine::Engine(std::unique_ptr<Model> model, const Kernels& kernels, int threads)
    : model_(std::move(model)),
      kernels_(kernels),
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
  named.insert(named.end(), request->not_first.begin(), request->not_first.end());
  for (const int32_t token : named)
    if (token < 0 || token >= c.vocabulary)
      throw std::invalid_argument("the token " + std::to_string(token) + " is not in the vocabulary of " +
                                  std::to_string(c.vocabulary));
  if (request->copy_weights.size() > kLongestMatch)
    throw std::invalid_argument("there are " + std::to_string(request->copy_weights.size()) +
                                " copy weights; a match has at most " + std::to_string(kLongestMatch) + " tokens");
  for (const float weight : request->copy_weights)
    if (!(weight >= 0 && weight < 1)) throw std::invalid_argument("a copy weight is not at least 0 and below 1");
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
  if (!request.aborted && prefill(request) && !request.all_logits) {
    request.on_event(decode(request));
  } else {
    request.on_event(ended(request.aborted ? "aborted" : "stop"));
  }
}

// Brings the cache to the request's tokens; false if aborted between chunks. What another submodel wrote is kept,
// but the last token always runs, because its logits are wanted.
bool Engine::prefill(Request& request) {
  const auto start = Clock::now();
  const int total = static_cast<int>(request.tokens.size());
  const int reused =
      request.all_logits ? 0 : std::min(cache_.reusable(request.tokens, layer_mask(request.widths)), total - 1);
  cache_.truncate(reused);
  Event logits;
  logits.kind = Event::kLogits;
  for (int done = reused; done < total; done += kChunk) {
    if (request.aborted) return false;
    const int count = std::min(kChunk, total - done);
    forward(*model_, kernels_, request.widths, request.tokens.data() + done, count, cache_, scratch_, pool_);
    for (int t = 0; request.all_logits && t < count; t++) {
      head(*model_, kernels_, t, scratch_, pool_);
      const float* row = scratch_.logits.data();
      logits.logits.insert(logits.logits.end(), row, row + model_->config.vocabulary);
    }
    if (done + count == total) head(*model_, kernels_, count - 1, scratch_, pool_);
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

// The likeliest token by the logits, mixed with copying: (1 - w) * model + w * [what followed the longest match].
void Engine::choose(const Request& request, bool is_first, Event& event) const {
  const float* logits = scratch_.logits.data();
  event.token = kernels_.most_likely(logits, model_->config.vocabulary, &event.probability);
  if (request.copy_weights.empty()) return;
  const Match match = find_match(cache_.tokens);
  const int last = static_cast<int>(request.copy_weights.size());
  if (match.length == 0) return;
  const auto& never = request.not_first;
  if (is_first && std::find(never.begin(), never.end(), match.token) != never.end()) return;
  const float weight = request.copy_weights[std::min(match.length, last) - 1];
  const float copied = (1 - weight) * event.probability * std::exp(logits[match.token] - logits[event.token]) + weight;
  event.probability *= 1 - weight;
  if (match.token == event.token || copied > event.probability) {
    event.token = match.token;
    event.probability = copied;
  }
}

// Greedy, from the logits that prefill left.
Event Engine::decode(Request& request) {
  const auto start = Clock::now();
  const Config& c = model_->config;
  const auto finish = [&](const char* reason, int decoded) {
    Event event = ended(reason);
    event.decoded_tokens = decoded;
    event.decode_ms = ms_since(start);
    return event;
  };
  for (const int32_t token : request.not_first) scratch_.logits[token] = -1e30f;
  for (int decoded = 0;; decoded++) {
    if (request.aborted) return finish("aborted", decoded);
    if (decoded == request.max_tokens) return finish("length", decoded);
    Event event;
    event.kind = Event::kToken;
    choose(request, decoded == 0, event);
    const auto& stops = request.stop_tokens;
    if (std::find(stops.begin(), stops.end(), event.token) != stops.end()) return finish("stop", decoded);
    const int32_t token = event.token;
    request.on_event(std::move(event));
    if (static_cast<int>(cache_.tokens.size()) == c.context) return finish("context", decoded + 1);
    if (decoded + 1 == request.max_tokens) return finish("length", decoded + 1);
    forward(*model_, kernels_, request.widths, &token, 1, cache_, scratch_, pool_);
    head(*model_, kernels_, 0, scratch_, pool_);
  }
}

}  // namespace matcoder
