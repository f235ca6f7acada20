// An embedding has the same bits with every instruction set, in any company and on any number of threads; requests end
// once each, whatever is aborted.
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <future>
#include <random>
#include <string>
#include <thread>

#include "../src/cpu.h"
#include "../src/encoder/encoder_queue.h"
#include "check.h"

using namespace matcoder;

namespace {

const std::atomic<bool> kNever{false};

EncoderConfig config(bool reads_pictures, bool causal) {
  EncoderConfig c;
  c.blocks.hidden = 48;
  c.blocks.layers = 3;
  c.blocks.heads = 4;
  c.blocks.kv_heads = 2;
  c.blocks.head_dim = 24;  // padded to 32
  c.blocks.ffn = 128;
  c.blocks.vocabulary = 200;
  c.blocks.context = 80;
  c.blocks.norm_eps = 1e-6f;
  for (int i = 0; i < 12; i++) c.blocks.rope_frequencies.push_back(std::pow(10000.0, -i / 12.0));
  c.blocks.qk_norm = true;
  c.blocks.attention_scale = 0.204124145f;
  c.causal = c.pools_last = causal;
  c.embedding = 32;
  c.max_input = 70;
  if (reads_pictures) {
    c.picture_size = 16;
    c.patch_size = 4;
    c.picture_channels = 3;
  }
  return c;
}

// Random weights in a file of their own, which is removed with this object.
class Weights {
 public:
  explicit Weights(const EncoderConfig& c)
      : config_(c),
        path_("/tmp/matcoder-encoder-test-" + std::to_string(getpid()) + (c.reads_pictures() ? "-pictures" : "-texts")),
        file_(path_, std::ios::binary) {
    const Config& b = c.blocks;
    const int q = b.heads * b.head_dim, kv = b.kv_heads * b.head_dim;
    for (int i = 0; i < b.layers; i++) {
      const std::string layer = "model.layers." + std::to_string(i) + ".";
      write(layer + "input_layernorm.weight", {b.hidden}, 1);
      write(layer + "post_attention_layernorm.weight", {b.hidden}, 1);
      write(layer + "self_attn.q_norm.weight", {b.head_dim}, 1);
      write(layer + "self_attn.k_norm.weight", {b.head_dim}, 1);
      write(layer + "self_attn.q_proj.weight", {q, b.hidden});
      write(layer + "self_attn.k_proj.weight", {kv, b.hidden});
      write(layer + "self_attn.v_proj.weight", {kv, b.hidden});
      write(layer + "self_attn.o_proj.weight", {b.hidden, q});
      write(layer + "mlp.gate_proj.weight", {b.ffn, b.hidden});
      write(layer + "mlp.up_proj.weight", {b.ffn, b.hidden});
      write(layer + "mlp.down_proj.weight", {b.hidden, b.ffn});
    }
    write("model.norm.weight", {b.hidden}, 1);
    write("model.embed_tokens.weight", {b.vocabulary, b.hidden});
    write("patch_embedding.weight", {b.hidden, 48});
    write("position_embedding.weight", {16, b.hidden});
    write("projection.weight", {c.embedding, b.hidden});
    file_.close();
  }
  ~Weights() { std::remove(path_.c_str()); }

  std::unique_ptr<Encoder> open(const Kernels& kernels, int threads) const {
    return std::make_unique<Encoder>(load_encoder(path_, config_, entries_), kernels, threads);
  }

 private:
  void write(const std::string& name, const std::vector<int64_t>& shape, float middle = 0) {
    std::normal_distribution<float> next(middle, 0.2f);
    size_t count = 1;
    for (const int64_t n : shape) count *= static_cast<size_t>(n);
    std::vector<float> values(count);
    for (float& value : values) value = next(rng_);
    const auto begin = static_cast<uint64_t>(file_.tellp());
    file_.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(4 * count));
    entries_[name] = {"F32", shape, begin, begin + 4 * count};
  }

  EncoderConfig config_;
  std::string path_;
  std::ofstream file_;
  std::unordered_map<std::string, TensorEntry> entries_;
  std::mt19937 rng_{1};
};

// Texts of lengths around the blocks of the cache and the most that an encoder reads.
EncoderInput texts() {
  EncoderInput input;
  std::mt19937 rng(2);
  for (const int length : {1, 15, 16, 17, 70, 2, 33, 1, 1, 64, 48, 69, 5}) {
    for (int i = 0; i < length; i++) input.tokens.push_back(static_cast<int32_t>(rng() % 200));
    input.ends.push_back(static_cast<int32_t>(input.tokens.size()));
  }
  return input;
}

EncoderInput pictures() {
  EncoderInput input;
  std::mt19937 rng(3);
  for (int i = 0; i < 9 * 16 * 16 * 3; i++) input.pixels.push_back(static_cast<uint8_t>(rng()));
  return input;
}

EncoderInput one(const EncoderInput& all, int index, const EncoderConfig& c) {
  EncoderInput input;
  if (c.reads_pictures()) {
    const size_t bytes = c.picture_bytes();
    input.pixels.assign(all.pixels.begin() + index * bytes, all.pixels.begin() + (index + 1) * bytes);
  } else {
    input.tokens.assign(all.tokens.begin() + (index > 0 ? all.ends[index - 1] : 0),
                        all.tokens.begin() + all.ends[index]);
    input.ends = {static_cast<int32_t>(input.tokens.size())};
  }
  return input;
}

std::vector<float> embed(Encoder& encoder, const EncoderInput& input, const std::vector<int>& widths) {
  std::vector<float> out;
  encoder.check(input, widths);
  check(encoder.embed(input, widths, kNever, out), "an embedding that nobody aborts is complete");
  return out;
}

void test_bits() {
  for (const auto& [reads_pictures, causal] : {std::pair{false, false}, {false, true}, {true, false}}) {
    const EncoderConfig c = config(reads_pictures, causal);
    const Weights weights(c);
    const EncoderInput all = reads_pictures ? pictures() : texts();
    const int inputs = static_cast<int>(reads_pictures ? all.pixels.size() / c.picture_bytes() : all.ends.size());
    for (const std::vector<int>& widths : {std::vector<int>{128, 128, 128}, {32, 0, 96}, {0, 0, 0}}) {
      std::vector<float> alone;
      const auto scalar = weights.open(kScalarKernels, 1);
      for (int i = 0; i < inputs; i++)
        for (const float value : embed(*scalar, one(all, i, c), widths)) alone.push_back(value);
      for (const Kernels* kernels : supported_kernels())
        for (const int threads : {1, 3})
          check(embed(*weights.open(*kernels, threads), all, widths) == alone,
                std::string("embeddings together have the bits of each alone: ") + kernels->name);
      for (int i = 0; i < inputs; i++) {
        double squares = 0;
        for (int j = 0; j < c.embedding; j++) squares += std::pow(alone[i * c.embedding + j], 2);
        check(std::abs(squares - 1) < 1e-5, "an embedding has length 1");
      }
    }
  }
}

void test_faults() {
  const EncoderConfig c = config(false, false);
  const Weights weights(c);
  const auto encoder = weights.open(choose_kernels(""), 1);
  const std::vector<int> widths = {128, 128, 128};
  const auto refused = [&](const EncoderInput& input, const std::vector<int>& of, const char* what) {
    try {
      encoder->check(input, of);
    } catch (const std::invalid_argument&) {
      return check(true, what);
    }
    check(false, what);
  };
  refused({{1}, {1}, {}}, {128, 128}, "too few widths");
  refused({{1, 2}, {1, 1, 2}, {}}, widths, "an input without tokens");
  refused({{1, 2}, {1}, {}}, widths, "tokens after the last input");
  refused({{1, 2}, {3}, {}}, widths, "an input that ends after the tokens");
  refused({{1, 2}, {-5, 2}, {}}, widths, "an input that ends before the first");
  refused({{1, 2}, {INT32_MAX, INT32_MIN, 2}, {}}, widths, "ends that overflow");
  refused({{200}, {1}, {}}, widths, "a token after the vocabulary");
  refused({{-1}, {1}, {}}, widths, "a negative token");
  refused({std::vector<int32_t>(71), {71}, {}}, widths, "a text that is too long");
  refused({{}, {}, {1, 2, 3}}, widths, "pixels");
  check(embed(*encoder, {}, widths).empty(), "no inputs have no embeddings");
}

// Requests from several threads, of which some are aborted at any moment.
void test_queue() {
  const EncoderConfig c = config(false, false);
  const Weights weights(c);
  const std::vector<int> widths = {128, 0, 64};
  const EncoderInput input = texts();
  std::vector<float> expected;
  {
    const auto encoder = weights.open(choose_kernels(""), 1);
    expected = embed(*encoder, input, widths);
  }
  std::atomic<int> ends{0}, aborted{0};
  constexpr int kCallers = 3, kRequests = 8;
  {
    EncoderQueue queue(weights.open(choose_kernels(""), 2));
    std::vector<std::thread> callers;
    for (int caller = 0; caller < kCallers; caller++)
      callers.emplace_back([&, caller] {
        std::mt19937 rng(caller);
        for (int i = 0; i < kRequests; i++) {
          auto request = std::make_shared<EncodeRequest>();
          request->input = input;
          request->widths = widths;
          request->on_end = [&](EncodeResult result) {
            ends++;
            if (result.aborted) aborted++;
            check(result.aborted || result.embeddings == expected, "a request gives the embeddings or is aborted");
          };
          queue.submit(request);
          if (i % 2 == 0) continue;
          std::this_thread::sleep_for(std::chrono::microseconds(rng() % 3000));
          queue.abort(request);
          queue.abort(request);
        }
      });
    for (std::thread& caller : callers) caller.join();
    // The ones before it are served first.
    std::promise<bool> served;
    auto last = std::make_shared<EncodeRequest>();
    last->input = input;
    last->widths = widths;
    last->on_end = [&](EncodeResult result) { served.set_value(!result.aborted); };
    queue.submit(last);
    check(served.get_future().get(), "a request that nobody aborts is served");
    check(ends == kCallers * kRequests && aborted <= ends / 2, "the others have ended, at most the aborted ones early");
    for (int i = 0; i < 3; i++) {
      auto request = std::make_shared<EncodeRequest>();
      request->input = input;
      request->widths = widths;
      request->on_end = [&](EncodeResult) { ends++; };
      queue.submit(request);
    }
  }
  check(ends == kCallers * kRequests + 3, "each request ends once, at the latest with the queue");
  std::printf("%d of %d requests were aborted\n", aborted.load(), ends.load());

  EncoderQueue queue(weights.open(choose_kernels(""), 1));
  auto request = std::make_shared<EncodeRequest>();
  request->input.ends = {0};
  request->widths = widths;
  request->on_end = [](EncodeResult) { check(false, "a request that is refused has no end"); };
  try {
    queue.submit(request);
    check(false, "a request that does not fit is refused");
  } catch (const std::invalid_argument&) {
  }
}

}  // namespace

int main() {
  test_bits();
  test_faults();
  test_queue();
  return report();
}
