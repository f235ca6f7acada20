// Many callers at once: every request ends exactly once, with the text it would have had alone.
#include "../src/engine.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "../src/cpu.h"
#include "check.h"

using matcoder::Config;
using matcoder::Engine;
using matcoder::Event;
using matcoder::Model;
using matcoder::Request;
using matcoder::TensorEntry;

namespace {

Config config() {
  Config c;
  c.hidden = 64;
  c.layers = 3;
  c.heads = 4;
  c.kv_heads = 2;
  c.head_dim = 32;
  c.ffn = 256;
  c.vocabulary = 512;
  c.context = 256;
  c.norm_eps = 1e-6f;
  for (int i = 0; i < 16; i++) c.rope_frequencies.push_back(std::pow(10000.0, -i / 16.0));
  c.qk_norm = true;
  c.compensation = true;
  c.attention_scale = 0.176776695f;
  return c;
}

constexpr int kSpecialTokens = 8;

// No test depends on time: progress is reported after each layer and each chunk, or never.
constexpr std::chrono::milliseconds kNever = std::chrono::hours(1), kAlways{0};

// Special tokens, the bytes, then pairs and triples of few letters, so that a text can be spelled in many ways.
std::vector<std::string> token_bytes() {
  std::mt19937 rng(3);
  std::vector<std::string> all(kSpecialTokens);
  for (int byte = 0; byte < 256; byte++) all.emplace_back(1, static_cast<char>(byte));
  while (all.size() < 512) {
    std::string token;
    for (int i = 0, n = 2 + static_cast<int>(rng() % 2); i < n; i++) token += static_cast<char>('a' + rng() % 5);
    all.push_back(token);
  }
  return all;
}

// Random weights in a file of their own, which is removed with this object.
class Weights {
 public:
  // All norms have the weight `norm_weight`.
  explicit Weights(float norm_weight = 1)
      : norm_weight_(norm_weight),
        path_("/tmp/matcoder-engine-test-" + std::to_string(getpid()) + "-" + std::to_string(norm_weight)),
        file_(path_, std::ios::binary) {
    const Config c = config();
    const int q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
    for (int i = 0; i < c.layers; i++) {
      const std::string layer = "model.layers." + std::to_string(i) + ".";
      norm(layer + "input_layernorm.weight", c.hidden);
      norm(layer + "post_attention_layernorm.weight", c.hidden);
      norm(layer + "self_attn.q_norm.weight", c.head_dim);
      norm(layer + "self_attn.k_norm.weight", c.head_dim);
      matrix(layer + "self_attn.q_proj.weight", q, c.hidden);
      matrix(layer + "self_attn.k_proj.weight", kv, c.hidden);
      matrix(layer + "self_attn.v_proj.weight", kv, c.hidden);
      matrix(layer + "self_attn.o_proj.weight", c.hidden, q);
      matrix(layer + "mlp.gate_proj.weight", c.ffn, c.hidden);
      matrix(layer + "mlp.up_proj.weight", c.ffn, c.hidden);
      matrix(layer + "mlp.down_proj.weight", c.hidden, c.ffn);
      random(layer + "mlp.mean_active", {c.ffn});
    }
    matrix("model.embed_tokens.weight", c.vocabulary, c.hidden);
    norm("model.norm.weight", c.hidden);
    file_.close();
  }
  ~Weights() { std::remove(path_.c_str()); }

  std::unique_ptr<Engine> open(int threads, std::vector<std::string> known = token_bytes(),
                               std::chrono::milliseconds progress_interval = kNever) const {
    return std::make_unique<Engine>(matcoder::load_model(path_, config(), entries_), matcoder::choose_kernels(""),
                                    threads, std::move(known), nullptr, progress_interval);
  }

  const std::string& path() const { return path_; }
  std::unique_ptr<Model> load() const { return matcoder::load_model(path_, config(), entries_); }

 private:
  void write(const std::string& name, const std::vector<int64_t>& shape, const std::vector<float>& values) {
    const auto begin = static_cast<uint64_t>(file_.tellp());
    const size_t bytes = values.size() * sizeof(float);
    file_.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(bytes));
    entries_[name] = {"F32", shape, begin, begin + bytes};
  }
  void norm(const std::string& name, int n) { write(name, {n}, std::vector<float>(n, norm_weight_)); }
  void matrix(const std::string& name, int rows, int columns) { random(name, {rows, columns}); }
  void random(const std::string& name, const std::vector<int64_t>& shape) {
    std::normal_distribution<float> next(0, 0.2f);
    size_t count = 1;
    for (const int64_t n : shape) count *= static_cast<size_t>(n);
    std::vector<float> values(count);
    for (float& value : values) value = next(rng_);
    write(name, shape, values);
  }

  float norm_weight_;
  std::string path_;
  std::ofstream file_;
  std::unordered_map<std::string, TensorEntry> entries_;
  std::mt19937 rng_{1};
};

// A request with what it reported.
struct Sent {
  std::shared_ptr<Request> request = std::make_shared<Request>();
  std::vector<int32_t> tokens;
  std::vector<int> progress;  // after each chunk
  int reports_within = 0;     // of the progress within chunks
  int reused = -1, cached = -1;
  std::atomic<int> ends{0};
  std::string reason, message;
  matcoder::UnitActivations activations;
  std::function<void()> on_progress = [] {};

  // For `max_tokens` after a prompt of `length` tokens, by the whole model.
  static std::unique_ptr<Sent> whole(int length, int max_tokens) {
    auto sent = std::make_unique<Sent>(0, false);
    sent->request->tokens.clear();
    for (int i = 0; i < length; i++) sent->request->tokens.push_back(kSpecialTokens + i * 7 % 500);
    sent->request->widths = {256, 256, 256};
    sent->request->max_tokens = max_tokens;
    sent->request->healing_prefix.clear();
    return sent;
  }

  Sent(int seed, bool drafts) {
    std::mt19937 rng(seed);
    const auto below = [&](int n) { return static_cast<int>(rng() % n); };
    for (int i = 0, n = 1 + below(150); i < n; i++) request->tokens.push_back(below(512));
    for (int l = 0; l < 3; l++) request->widths.push_back(64 << below(3));
    request->max_tokens = 1 + below(30);
    if (below(2))
      for (int i = 0, n = below(6); i < n; i++)
        request->healing_prefix += static_cast<char>(below(4) ? 'a' + below(5) : below(256));
    if (drafts) {
      request->speculation.max_tokens = below(9);
      request->speculation.widths = {32, 0, 32};
      request->speculation.always = below(2);
    }
    request->on_event = [this](Event event) {
      if (ends > 0) check(false, "no event follows the end");
      if (event.kind == Event::kToken) tokens.push_back(event.token);
      if (event.kind == Event::kActivations) activations = event.activations;
      if (event.kind == Event::kPrefill) reused = event.reused_tokens;
      if (event.kind == Event::kProgress) {
        if (event.prefilled_tokens == (progress.empty() ? 0 : progress.back())) {
          reports_within++;
        } else {
          progress.push_back(event.prefilled_tokens);
          on_progress();
        }
      }
      if (event.kind == Event::kEnd) {
        reason = event.reason;
        cached = event.cached_tokens;
        message = event.message;
        ends++;
      }
    };
  }

  // Whether the tokens begin with the text, or are its beginning if they ended early.
  bool spells(const std::string& text) const {
    static const std::vector<std::string> all = token_bytes();
    std::string written;
    for (const int32_t token : tokens) {
      if (written.size() < text.size() && all[token].empty()) return false;
      written += all[token];
    }
    return written.compare(0, text.size(), text, 0, std::min(text.size(), written.size())) == 0;
  }

  void wait() const {
    while (ends == 0) std::this_thread::yield();
  }
};

void test_callers(const Weights& weights, int threads) {
  constexpr int kCallers = 4, kEach = 12;
  const std::string name = "with " + std::to_string(threads) + " threads, a request ";
  std::vector<std::vector<int32_t>> alone;
  for (int i = 0; i < kCallers * kEach; i++) {
    const auto engine = weights.open(1);
    Sent sent(i, false);
    engine->submit(sent.request);
    sent.wait();
    check(sent.spells(sent.request->healing_prefix), name + "spells its healing prefix, and then more");
    alone.push_back(sent.tokens);
  }
  const auto engine = weights.open(threads);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; caller++)
    callers.emplace_back([&, caller] {
      for (int i = caller * kEach; i < (caller + 1) * kEach; i++) {
        Sent sent(i, true);
        if (i % 2) sent.request->expected = alone[i];
        if (i % 4 == 1) sent.request->expected[alone[i].size() / 2] ^= 1;
        engine->submit(sent.request);
        if (i % 3 == 0) {
          std::this_thread::sleep_for(std::chrono::microseconds(i * 40));
          engine->abort(sent.request);
        }
        sent.wait();
        engine->abort(sent.request);  // too late: nothing may follow
        auto expected = alone[i];
        if (sent.reason == "aborted") {
          check(i % 3 == 0 && sent.tokens.size() <= expected.size(), name + "ends early only if it was aborted");
          expected.resize(std::min(sent.tokens.size(), expected.size()));
        }
        check(sent.ends == 1 && sent.tokens == expected, name + "has the text it has alone, and one end");
      }
    });
  for (auto& caller : callers) caller.join();
}

void test_refusals(const Weights& weights) {
  const auto refused = [&](Engine& engine) {
    Sent sent(1, false);
    sent.request->healing_prefix = "abc";
    try {
      engine.submit(sent.request);
    } catch (const std::invalid_argument&) {
      return true;
    }
    sent.wait();
    return false;
  };
  check(!refused(*weights.open(1)), "a healing prefix is accepted if the engine knows the tokens' bytes");
  check(refused(*weights.open(1, {})), "a healing prefix is refused if it does not");
  check(refused(*weights.open(1, std::vector<std::string>(512, "a"))), "a prefix that no tokens spell is refused");
  try {
    weights.open(1, std::vector<std::string>(513, "a"));
    check(false, "a model with 512 tokens does not take the bytes of 513");
  } catch (const std::invalid_argument&) {
  }
}

// A container may limit its processes and threads. In a process of its own, whose user may have no other thread.
void test_without_threads(const Weights& weights) {
  constexpr uid_t kNobody = 65534;  // because root is not limited
  constexpr int kNotLimited = 2;
  const pid_t process = fork();
  if (process == 0) {
    const rlimit one = {1, 1};
    if ((getuid() == 0 && setuid(kNobody) != 0) || setrlimit(RLIMIT_NPROC, &one) != 0) _exit(kNotLimited);
    try {
      std::thread([] {}).join();
      _exit(kNotLimited);
    } catch (const std::system_error&) {
    }
    try {
      weights.load();
      _exit(0);
    } catch (...) {
      _exit(1);
    }
  }
  int status = 0;
  check(waitpid(process, &status, 0) == process && WIFEXITED(status) && WEXITSTATUS(status) != 1,
        "weights are loaded even if the system allows no more threads");
}

// The prompt of 200 tokens is read in four chunks.
void test_progress(const Weights& weights) {
  const auto told = weights.open(1, {}, kAlways), quiet = weights.open(1, {}, kNever);
  const auto heard = Sent::whole(200, 3), unheard = Sent::whole(200, 3), small = Sent::whole(64, 3);
  told->submit(heard->request);
  heard->wait();
  check(heard->progress == std::vector<int>{64, 128, 192}, "a prefill reports each chunk but the last");
  check(heard->reports_within == 4 * config().layers, "and each layer, because a chunk may take many seconds");
  check(heard->reused == 0 && heard->tokens.size() == 3, "and then goes on as usual");
  quiet->submit(unheard->request);
  unheard->wait();
  check(unheard->progress.empty() && unheard->reports_within == 0, "no progress is reported within the interval");
  const auto fresh = weights.open(1, {}, kAlways);
  fresh->submit(small->request);
  small->wait();
  check(small->progress.empty(), "a prompt of one chunk reports no other");
}

// A request for no tokens reads its prompt ahead.
void test_read_ahead(const Weights& weights) {
  const auto alone = Sent::whole(200, 5);
  const auto other = weights.open(1);
  other->submit(alone->request);
  alone->wait();

  const auto ahead = Sent::whole(200, 0), after = Sent::whole(200, 5);
  const auto engine = weights.open(1);
  engine->submit(ahead->request);
  engine->submit(after->request);
  after->wait();
  check(ahead->ends == 1 && ahead->reason == "length" && ahead->tokens.empty(),
        "a prompt is read ahead without a token");
  check(after->reused == 199, "and only its last token runs again");
  check(after->tokens == alone->tokens, "and the answer is the same as without");

  // The next request comes while a chunk is read: the abort takes effect before another chunk is read, and keeps those
  // that were.
  for (const int threads : {1, 2}) {
    const auto stopped = Sent::whole(200, 0), next = Sent::whole(200, 5);
    const auto busy = weights.open(threads, token_bytes(), kAlways);
    stopped->on_progress = [&] {
      if (stopped->progress.size() < 2) return;
      busy->submit(next->request);
      busy->abort(stopped->request);
    };
    busy->submit(stopped->request);
    next->wait();
    check(stopped->ends == 1 && stopped->reason == "aborted", "reading ahead is aborted between two chunks");
    check(stopped->progress == std::vector<int>{64, 128}, "no further chunk is read before the next request");
    check(next->reused == 128, "an abort keeps the chunks that were read");
    check(stopped->cached == 128, "and reports them");
    check(next->tokens == alone->tokens, "the answer after an abort is the same");
  }

  // At any time.
  for (int round = 0; round < 30; round++) {
    const auto stopped = Sent::whole(200, 0), next = Sent::whole(200, 5);
    const auto busy = weights.open(2);
    busy->submit(stopped->request);
    std::this_thread::sleep_for(std::chrono::microseconds(round * 100));
    busy->abort(stopped->request);
    busy->submit(next->request);
    next->wait();
    check(stopped->ends == 1, "an abort within a chunk ends the request once");
    check(next->reused == 199 || next->reused % matcoder::kPrefillChunk == 0, "an abort never keeps part of a chunk");
    check(next->tokens == alone->tokens, "the answer after an abort within a chunk is the same");
  }
}

// The keys and values of the tokens of a text, as another engine would give them: computed by the same model, and taken
// from its cache. [layer, keys and values, token, kv_head, head_dim]
std::vector<uint16_t> keys_and_values(const Weights& weights, const std::vector<int32_t>& tokens, int begin, int end) {
  const Config c = config();
  const auto model = weights.load();
  const std::atomic<bool> never{false};
  const std::vector<int> widths(c.layers, c.ffn);
  matcoder::ThreadPool pool(1);
  matcoder::Compensation compensation(*model);
  compensation.prepare(widths, pool, never);
  matcoder::KvCache cache(c);
  matcoder::Scratch scratch(c, 1);
  for (int done = 0; done < end; done += 64)
    forward(*model, matcoder::choose_kernels(""), compensation, widths, tokens.data() + done, std::min(64, end - done),
            cache, scratch, pool, never);
  std::vector<uint16_t> out;
  for (int l = 0; l < c.layers; l++)
    for (const bool are_keys : {true, false})
      for (int t = begin; t < end; t++)
        for (int h = 0; h < c.kv_heads; h++)
          for (int i = 0; i < c.head_dim; i++)
            out.push_back(are_keys ? cache.keys_of(l, h)[t / 16 * 16 * c.head_dim + i * 16 + t % 16]
                                   : cache.values_of(l, h)[t * c.head_dim + i]);
  return out;
}

void test_import(const Weights& weights) {
  const auto alone = Sent::whole(100, 6);
  const auto other = weights.open(1);
  other->submit(alone->request);
  alone->wait();

  const auto engine = weights.open(2);
  const auto import = [&](int begin, int end, std::vector<uint16_t> values) {
    auto sent = Sent::whole(end, 0);
    sent->request->keys_and_values = std::move(values);
    sent->request->imported_from = begin;
    engine->submit(sent->request);
    sent->wait();
    return sent;
  };
  const auto look_up = [&](int length) {
    auto sent = Sent::whole(length, 0);
    sent->request->looks_up = true;
    engine->submit(sent->request);
    sent->wait();
    check(sent->reason == "stop" && sent->tokens.empty(), "a look-up decodes nothing");
    return sent->cached;
  };
  const auto& tokens = alone->request->tokens;
  check(look_up(99) == 0, "a new cache holds nothing");
  check(import(60, 99, keys_and_values(weights, tokens, 60, 99))->reason == "failed",
        "tokens before the imported ones have to be there");
  check(look_up(99) == 0, "and nothing is changed if they are not");
  check(import(0, 61, keys_and_values(weights, tokens, 0, 61))->reason == "stop", "keys and values are imported");
  check(look_up(99) == 61, "and are there");
  check(import(60, 99, keys_and_values(weights, tokens, 60, 99))->reason == "stop", "more are imported after them");
  const auto after = Sent::whole(100, 6);
  engine->submit(after->request);
  after->wait();
  check(after->reused == 99, "a request reads only its last token");
  check(after->tokens == alone->tokens, "and its answer is that of an engine that has read all");

  // A submodel that skips a layer leaves it out.
  const auto skipping = weights.open(1);
  const auto skipped = Sent::whole(20, 0), whole = Sent::whole(21, 1);
  skipped->request->widths = {256, 0, 256};
  skipped->request->keys_and_values = keys_and_values(weights, tokens, 0, 20);
  skipping->submit(skipped->request);
  skipping->submit(whole->request);
  whole->wait();
  check(skipped->reason == "stop" && whole->reused == 0, "layers that were skipped are read again");

  const auto refused = [&](int begin, std::vector<uint16_t> values) {
    try {
      import(begin, 4, std::move(values));
      return false;
    } catch (const std::invalid_argument&) {
      return true;
    }
  };
  const Config c = config();
  const size_t one = size_t{2} * c.layers * c.kv_heads * c.head_dim;
  check(!refused(0, std::vector<uint16_t>(4 * one)), "the right number of keys and values is taken");
  check(refused(0, std::vector<uint16_t>(4 * one - 1)) && refused(0, std::vector<uint16_t>(4 * one + 1)) &&
            refused(1, std::vector<uint16_t>(4 * one)),
        "another number is refused");
  check(refused(4, std::vector<uint16_t>(one)) && refused(-1, std::vector<uint16_t>(5 * one)),
        "keys and values of no token are refused");
  for (const uint16_t half : {0x7c00, 0xfc00, 0x7e00}) {
    std::vector<uint16_t> values(4 * one);
    values.back() = half;
    check(refused(0, values), "keys and values that are not finite are refused");
  }
}

// The text of 200 tokens is read in four chunks.
void test_activations(const Weights& weights) {
  const auto gather = [](Engine& engine) {
    auto sent = Sent::whole(200, 0);
    sent->request->gathers_activations = true;
    engine.submit(sent->request);
    return sent;
  };
  const auto answer = Sent::whole(200, 5);
  const auto alone = weights.open(1);
  alone->submit(answer->request);
  answer->wait();
  const auto expected = gather(*alone);
  expected->wait();
  check(expected->reason == "stop" && expected->activations.mean.size() == 3 * 256, "each unit has its mean");
  bool holds = true;
  for (size_t i = 0; i < expected->activations.mean.size(); i++)
    holds &= expected->activations.square[i] > std::pow(expected->activations.mean[i], 2);
  check(holds, "the mean square of a unit that varies is above the square of its mean");
  for (const int threads : {1, 2, 3}) {
    const auto engine = weights.open(threads);
    const auto found = gather(*engine);
    found->wait();
    check(found->activations.mean == expected->activations.mean &&
              found->activations.square == expected->activations.square,
          "the activations are the same with " + std::to_string(threads) + " threads");
  }
  for (int round = 0; round < 20; round++) {
    const auto busy = weights.open(2);
    const auto stopped = gather(*busy), next = Sent::whole(200, 5);
    std::this_thread::sleep_for(std::chrono::microseconds(round * 100));
    busy->abort(stopped->request);
    busy->submit(next->request);
    next->wait();
    check(stopped->ends == 1 && (stopped->reason == "stop") == !stopped->activations.mean.empty(),
          "activations come whole or not at all");
    check(next->tokens == answer->tokens, "the answer after it is the same");
  }
  Sent part(1, false);
  part.request->widths = {256, 224, 256};
  part.request->gathers_activations = true;
  try {
    alone->submit(part.request);
    check(false, "activations of a submodel are refused");
  } catch (const std::invalid_argument&) {
  }
}

void test_corrupt_weights() {
  // Finite, but what they are multiplied with overflows.
  const Weights huge(3e38f);
  const auto engine = huge.open(2);
  for (const bool drafts : {false, true}) {
    Sent sent(5, drafts);
    engine->submit(sent.request);
    sent.wait();
    check(sent.reason == "failed" && sent.tokens.empty(), "weights that overflow give no token");
    check(sent.message.find(huge.path() + ": the checkpoint's weights appear corrupt: the activations that enter "
                                          "model.layers.0.self_attn.") == 0,
          "the fault names the file and the place: " + sent.message);
  }
  // Not finite, or so small that the inverse of a scale would overflow.
  try {
    Weights(NAN).open(1);
    check(false, "weights that are not numbers are refused");
  } catch (const std::runtime_error& error) {
    check(std::string(error.what()).find("the checkpoint's weights appear corrupt: tensor model.layers.0.") !=
              std::string::npos,
          "the refusal names the tensor");
  }
  const Weights tiny(1e-42f);
  const auto dull = tiny.open(1);
  const auto sent = Sent::whole(20, 2);
  dull->submit(sent->request);
  sent->wait();
  check(sent->reason == "length", "weights that are almost zero are computed with");
}

void test_closing(const Weights& weights) {
  for (int round = 0; round < 8; round++) {
    std::vector<std::unique_ptr<Sent>> all;
    auto engine = weights.open(2);
    for (int i = 0; i < 5; i++) {
      all.push_back(std::make_unique<Sent>(i, true));
      engine->submit(all.back()->request);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(round * 500));
    engine.reset();
    for (const auto& sent : all) check(sent->ends == 1, "an engine that is closed ends its requests");
  }
}

}  // namespace

int main() {
  const Weights weights;
  test_without_threads(weights);  // first, because a sanitizer allows no new threads after a fork with several
  for (const int threads : {1, 2, 3}) test_callers(weights, threads);
  test_refusals(weights);
  test_progress(weights);
  test_read_ahead(weights);
  test_import(weights);
  test_activations(weights);
  test_closing(weights);
  test_corrupt_weights();
  return report();
}
