#include "binding.h"

#include <algorithm>
#include <string>
#include <utility>

#include "../cpu.h"
#include "../forward.h"
#include "../healing.h"
#include "../next_token.h"
#include "../values.h"
#include "matches.h"
#include "memory.h"

namespace matcoder {
namespace {

// Indexes one document on a thread of libuv's pool, then settles a promise.
class AddWorker : public Napi::AsyncWorker {
 public:
  AddWorker(Napi::Env env, std::shared_ptr<Memory> memory, int32_t document, std::vector<int32_t> tokens)
      : AsyncWorker(env, "matcoder memory"),
        deferred_(Napi::Promise::Deferred::New(env)),
        memory_(std::move(memory)),
        document_(document),
        ticket_(memory_->announce(document)),
        tokens_(std::move(tokens)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    try {
      memory_->add(document_, ticket_, tokens_);
    } catch (const std::exception& error) {
      SetError(error.what());
    }
  }
  void OnOK() override { deferred_.Resolve(Env().Undefined()); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  const Napi::Promise::Deferred deferred_;
  const std::shared_ptr<Memory> memory_;
  const int32_t document_;
  const uint64_t ticket_;
  const std::vector<int32_t> tokens_;
};

MemoryPlace read_place(const Napi::CallbackInfo& info, size_t first) {
  MemoryPlace place;
  read(info[first], "document", place.document);
  read(info[first + 1], "firstHiddenLine", place.first_hidden);
  read(info[first + 2], "lastHiddenLine", place.last_hidden);
  return place;
}

class MemoryObject : public Napi::ObjectWrap<MemoryObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Memory",
                       {
                           InstanceMethod<&MemoryObject::set>("set"),
                           InstanceMethod<&MemoryObject::remove>("remove"),
                           InstanceMethod<&MemoryObject::look>("look"),
                           InstanceMethod<&MemoryObject::choose>("choose"),
                           InstanceAccessor<&MemoryObject::stats>("stats"),
                       });
  }

  // { tokenBytes, gate: { hidden, output } }
  explicit MemoryObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MemoryObject>(info) {
    const Napi::Object options = info[0].ToObject();
    std::vector<std::string> token_bytes = read_token_bytes(options.Get("tokenBytes"));
    std::vector<uint8_t> line_feeds;
    for (const std::string& bytes : token_bytes)
      line_feeds.push_back(
          static_cast<uint8_t>(std::min<ptrdiff_t>(255, std::count(bytes.begin(), bytes.end(), '\n'))));
    const Napi::Object gate = options.Get("gate").ToObject();
    std::vector<float> hidden, output;
    read_required(gate, "hidden", hidden);
    read_required(gate, "output", output);
    try {
      memory_ = std::make_shared<Memory>(std::move(line_feeds), Gate(std::move(hidden), std::move(output)));
      const auto vocabulary = static_cast<int>(token_bytes.size());
      token_bytes_ = std::make_unique<const TokenBytes>(token_bytes, vocabulary);
    } catch (const std::invalid_argument& error) {
      throw Napi::RangeError::New(info.Env(), error.what());
    }
  }

  const std::shared_ptr<Memory>& memory() const { return memory_; }

 private:
  // set(document, tokens): a promise
  Napi::Value set(const Napi::CallbackInfo& info) {
    int32_t document = 0;
    std::vector<int32_t> tokens;
    read(info[0], "document", document);
    read(info[1], "tokens", tokens);
    auto* worker = new AddWorker(info.Env(), memory_, document, std::move(tokens));
    const Napi::Promise promise = worker->promise();
    worker->Queue();
    return promise;
  }

  // remove(documents)
  void remove(const Napi::CallbackInfo& info) {
    std::vector<int32_t> documents;
    read(info[0], "documents", documents);
    for (const int32_t document : documents) memory_->remove(document);
  }

  // look(tokens, document, firstHiddenLine, lastHiddenLine): the longest match in the memory
  Napi::Value look(const Napi::CallbackInfo& info) {
    std::vector<int32_t> text;
    read(info[0], "tokens", text);
    Matcher matcher(memory_->view(read_place(info, 1)));
    const Component& found = matcher.look_up(text)[kMemoryLongest];
    Napi::Object match = Napi::Object::New(info.Env());
    match.Set("length", found.length);
    match.Set("count", found.length > 0 ? found.count : 0);
    match.Set("topShare", found.length > 0 ? found.continuations[0].share : 0);
    return match;
  }

  // choose(logits, text, document, firstHiddenLine, lastHiddenLine, bannedTokens, healingPrefix): for other backends,
  // the token that the engine would choose after these logits
  Napi::Value choose(const Napi::CallbackInfo& info) {
    std::vector<float> logits;
    std::vector<int32_t> text, banned;
    Constraints constraints{&banned, {}};
    read(info[0], "logits", logits);
    read(info[1], "text", text);
    read(info[5], "bannedTokens", banned);
    read(info[6], "healingPrefix", constraints.healing_prefix);
    logits.resize((logits.size() + kLanes - 1) / kLanes * kLanes, kMaskedLogit);
    Matcher matcher(memory_->view(read_place(info, 2)));
    const ChosenToken chosen = choose_token(choose_kernels(""), *token_bytes_, &memory_->gate(), matcher.look_up(text),
                                            constraints, logits.data(), static_cast<int>(logits.size()));
    Napi::Object o = Napi::Object::New(info.Env());
    o.Set("token", chosen.token);
    o.Set("probability", chosen.probability);
    o.Set("memoryShare", chosen.memory_share);
    o.Set("matchLength", chosen.match_length);
    return o;
  }

  Napi::Value stats(const Napi::CallbackInfo& info) {
    const MemoryStats stats = memory_->stats();
    Napi::Object o = Napi::Object::New(info.Env());
    o.Set("documents", static_cast<double>(stats.documents));
    o.Set("tokens", static_cast<double>(stats.tokens));
    o.Set("bytes", static_cast<double>(stats.bytes));
    return o;
  }

  std::shared_ptr<Memory> memory_;
  std::unique_ptr<const TokenBytes> token_bytes_;
};

}  // namespace

Napi::Function define_memory(Napi::Env env) { return MemoryObject::define(env); }

std::shared_ptr<const Memory> memory_of(const Napi::Value& value) {
  if (value.IsUndefined()) return nullptr;
  return Napi::ObjectWrap<MemoryObject>::Unwrap(value.ToObject())->memory();
}

}  // namespace matcoder
