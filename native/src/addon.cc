// The boundary between JavaScript and the engine: arguments in, events out, and nothing else. Exceptions of C++ that
// leave a function here become errors in JavaScript (NODE_ADDON_API_CPP_EXCEPTIONS_ALL in binding.gyp).
#include <napi.h>

#include <algorithm>
#include <cfloat>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "cpu.h"
#include "engine.h"
#include "memory/binding.h"
#include "sensors/binding.h"
#include "values.h"

namespace matcoder {
namespace {

// The options of a request under their names in JavaScript: NativeRequest in src/engine/addon.ts.
void read_request(const Napi::Object& o, Request& request) {
  read_required(o, "tokens", request.tokens);
  read_required(o, "widths", request.widths);
  read_required(o, "maxTokens", request.max_tokens);
  read_required(o, "stopTokens", request.stop_tokens);
  read_option(o, "bannedFirstTokens", request.banned_first_tokens);
  read_option(o, "usesMemory", request.uses_memory);
  read_option(o, "document", request.place.document);
  read_option(o, "firstHiddenLine", request.place.first_hidden);
  read_option(o, "lastHiddenLine", request.place.last_hidden);
  read_option(o, "healingPrefix", request.healing_prefix);
  read_option(o, "expected", request.expected);
  read_option(o, "endsWithLine", request.ends_with_line);
  read_option(o, "scoreBound", request.score_bound);
  read_option(o, "draftTokens", request.speculation.max_tokens);
  read_option(o, "draftWidths", request.speculation.widths);
  read_option(o, "draftAlways", request.speculation.always);
}

Config read_config(const Napi::Object& o) {
  Config c;
  read_required(o, "hiddenSize", c.hidden);
  read_required(o, "layers", c.layers);
  read_required(o, "heads", c.heads);
  read_required(o, "kvHeads", c.kv_heads);
  read_required(o, "headDim", c.head_dim);
  read_required(o, "ffnSize", c.ffn);
  read_required(o, "vocabularySize", c.vocabulary);
  read_required(o, "contextLength", c.context);
  read_required(o, "ropeTheta", c.rope_theta);
  read_required(o, "normEps", c.norm_eps);
  return c;
}

std::unordered_map<std::string, TensorEntry> read_tensors(const Napi::Object& tensors) {
  std::unordered_map<std::string, TensorEntry> entries;
  const Napi::Array names = tensors.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); i++) {
    const std::string name = names.Get(i).ToString();
    const Napi::Object o = tensors.Get(name).ToObject();
    TensorEntry entry;
    entry.dtype = o.Get("dtype").ToString();
    const Napi::Array shape = o.Get("shape").As<Napi::Array>();
    for (uint32_t d = 0; d < shape.Length(); d++) entry.shape.push_back(shape.Get(d).ToNumber().Int64Value());
    entry.begin = static_cast<uint64_t>(o.Get("begin").ToNumber().Int64Value());
    entry.end = static_cast<uint64_t>(o.Get("end").ToNumber().Int64Value());
    entries.emplace(name, std::move(entry));
  }
  return entries;
}

Napi::Object to_object(Napi::Env env, const Event& event) {
  Napi::Object o = Napi::Object::New(env);
  switch (event.kind) {
    case Event::kProgress:
      o.Set("type", "progress");
      o.Set("prefilledTokens", event.prefilled_tokens);
      break;
    case Event::kPrefill:
      o.Set("type", "prefill");
      o.Set("reusedTokens", event.reused_tokens);
      o.Set("prefilledTokens", event.prefilled_tokens);
      o.Set("prefillMs", event.prefill_ms);
      break;
    case Event::kToken:
      o.Set("type", "token");
      o.Set("token", event.token);
      o.Set("probability", event.probability);
      o.Set("memoryShare", event.memory_share);
      o.Set("matchLength", event.match_length);
      break;
    case Event::kLogits: {
      // This is a copy, because Electron forbids buffers outside its own heap.
      auto logits = Napi::Float32Array::New(env, event.logits.size());
      std::copy(event.logits.begin(), event.logits.end(), logits.Data());
      o.Set("type", "logits");
      o.Set("logits", logits);
      break;
    }
    case Event::kEnd:
      o.Set("type", "end");
      o.Set("reason", event.reason);
      o.Set("decodedTokens", event.decoded_tokens);
      o.Set("passes", event.passes);
      o.Set("decodeMs", event.decode_ms);
      o.Set("copiedDrafts", event.drafts.copied);
      o.Set("copiedAccepted", event.drafts.copied_accepted);
      o.Set("writtenDrafts", event.drafts.written);
      o.Set("writtenAccepted", event.drafts.written_accepted);
      if (event.cached_tokens >= 0) o.Set("cachedTokens", event.cached_tokens);
      if (!event.message.empty()) o.Set("message", event.message);
      break;
  }
  return o;
}

// Events on their way to JavaScript. Waking its thread takes a core for a good part of a small submodel's step, so
// tokens that follow within a millisecond wait for the next event.
class Outbox {
 public:
  // Whether JavaScript must be woken.
  bool put(Event event) {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard<std::mutex> lock(mutex_);
    const bool waits = event.kind == Event::kPrefill ||  // the first token or the end follows at once
                       (event.kind == Event::kToken && now - woken_ < std::chrono::milliseconds(1));
    events_.push_back(std::move(event));
    if (!waits) woken_ = now;
    return !waits;
  }
  std::vector<Event> take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(events_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<Event> events_;
  std::chrono::steady_clock::time_point woken_{};
};

// The engine as a JavaScript class.
class EngineObject : public Napi::ObjectWrap<EngineObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Engine",
                       {
                           InstanceAccessor<&EngineObject::isa>("isa"),
                           InstanceAccessor<&EngineObject::threads>("threads"),
                           InstanceAccessor<&EngineObject::weight_bytes>("weightBytes"),
                           InstanceAccessor<&EngineObject::kv_cache_bytes>("kvCacheBytes"),
                           InstanceMethod<&EngineObject::generate>("generate"),
                           InstanceMethod<&EngineObject::logits>("logits"),
                           InstanceMethod<&EngineObject::dispose>("dispose"),
                       });
  }

  explicit EngineObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EngineObject>(info) {
    const Napi::Object options = info[0].ToObject();
    const std::string path = options.Get("weightsPath").ToString();
    const Napi::Value isa = options.Get("isa");
    int32_t threads = 1, progress_ms = kProgressInterval.count();
    read_required(options, "threads", threads);
    read_option(options, "progressIntervalMs", progress_ms);
    try {
      auto model = load_model(path, read_config(options.Get("config").ToObject()),
                              read_tensors(options.Get("tensors").ToObject()));
      const Kernels& kernels = choose_kernels(isa.IsUndefined() ? "" : isa.ToString().Utf8Value());
      engine_ = std::make_shared<Engine>(std::move(model), kernels, std::clamp(threads, 1, 64),
                                         read_token_bytes(options.Get("tokenBytes")), memory_of(options.Get("memory")),
                                         std::chrono::milliseconds(progress_ms));
    } catch (const std::bad_alloc&) {
      throw Napi::Error::New(info.Env(), path + ": there is not enough memory for this model");
    }
  }

 private:
  Engine& engine(Napi::Env env) const {
    if (!engine_) throw Napi::Error::New(env, "the engine was disposed");
    return *engine_;
  }

  Napi::Value isa(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), engine(info.Env()).kernels().name);
  }
  Napi::Value threads(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), engine(info.Env()).threads());
  }
  Napi::Value weight_bytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(engine(info.Env()).weight_bytes()));
  }
  Napi::Value kv_cache_bytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(engine(info.Env()).kv_cache_bytes()));
  }

  // Gives a request to the engine; `listener` gets its events on the JavaScript thread.
  void submit(Napi::Env env, const std::shared_ptr<Request>& request, const Napi::Function& listener) {
    Engine& target = engine(env);  // may throw, so it comes before the function that would keep the process alive
    auto events = Napi::ThreadSafeFunction::New(env, listener, "matcoder request", 0, 1);
    const auto outbox = std::make_shared<Outbox>();
    request->on_event = [events, outbox, this, closing = false](Event event) mutable {
      const bool last = event.kind == Event::kEnd;
      if (!outbox->put(std::move(event)) || closing) return;
      const auto deliver = [outbox, this](Napi::Env env, Napi::Function callback) {
        for (const Event& event : outbox->take()) {
          if (env == nullptr) return;
          try {
            callback.Call({to_object(env, event)});
          } catch (const Napi::Error& error) {
            // Goes to the process, as from any other callback; refused while the environment is torn down.
            napi_fatal_exception(env, error.Value());
          }
          if (event.kind == Event::kEnd) Unref();
        }
      };
      // While the environment is torn down, the call is refused and the function no longer exists.
      closing = events.BlockingCall(deliver) == napi_closing;
      if (last && !closing) events.Release();
    };
    Ref();  // until the end event, because a caller that only listens need not hold the engine
    try {
      target.submit(request);
    } catch (const std::invalid_argument& error) {
      Unref();
      events.Abort();
      throw Napi::RangeError::New(env, error.what());
    }
  }

  Napi::Value generate(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const Napi::Object o = info[0].ToObject();
    auto request = std::make_shared<Request>();
    read_request(o, *request);
    request->max_tokens = std::max(0, request->max_tokens);
    if (!info[1].IsFunction()) throw Napi::TypeError::New(env, "generate needs a listener");
    submit(env, request, info[1].As<Napi::Function>());
    Napi::Object handle = Napi::Object::New(env);
    const std::weak_ptr<Engine> engine = engine_;
    handle.Set("abort", Napi::Function::New(env, [request, engine](const Napi::CallbackInfo&) {
                 if (const auto open = engine.lock()) open->abort(request);
               }));
    return handle;
  }

  // logits(tokens, widths, listener): for tests; forgets the cache first.
  void logits(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    auto request = std::make_shared<Request>();
    read(info[0], "tokens", request->tokens);
    read(info[1], "widths", request->widths);
    request->all_logits = true;
    if (!info[2].IsFunction()) throw Napi::TypeError::New(env, "logits needs a listener");
    submit(env, request, info[2].As<Napi::Function>());
  }

  void dispose(const Napi::CallbackInfo&) { engine_.reset(); }

  std::shared_ptr<Engine> engine_;
};

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("Engine", EngineObject::define(env));
  exports.Set("Memory", define_memory(env));
  exports.Set("Sensors", define_sensors(env));
  Napi::Array isas = Napi::Array::New(env);
  for (const Kernels* kernels : supported_kernels()) isas.Set(isas.Length(), Napi::String::New(env, kernels->name));
  exports.Set("supportedIsas", isas);
  exports.Set("prefillChunkTokens", kPrefillChunk);
  return exports;
}

}  // namespace
}  // namespace matcoder

static Napi::Object InitAddon(Napi::Env env, Napi::Object exports) { return matcoder::init(env, exports); }

NODE_API_MODULE(matcoder_engine, InitAddon)
