// The boundary between JavaScript and the engine: arguments in, events out, and nothing else. Exceptions of C++ that
// leave a function here become errors in JavaScript (NODE_ADDON_API_CPP_EXCEPTIONS_ALL in scripts/lib/native.mjs).
#include <napi.h>

#include <algorithm>
#include <cfloat>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "cpu.h"
#include "dawn/external_memory.h"
#include "encoder/binding.h"
#include "engine.h"
#include "import/binding.h"
#include "memory/binding.h"
#include "model_options.h"
#include "sensors/binding.h"
#include "values.h"
#include "vectors/binding.h"

namespace matcoder {
namespace {

// The options of a request under their names in JavaScript: NativeRequest in src/engine/addon.ts.
void read_request(const Napi::Object& o, Request& request) {
  read_required(o, "tokens", request.tokens);
  read_required(o, "widths", request.widths);
  read_option(o, "cacheKey", request.cache_key);
  read_required(o, "maxTokens", request.max_tokens);
  read_required(o, "stopTokens", request.stop_tokens);
  read_option(o, "suffixBegin", request.suffix_begin);
  read_option(o, "suffixEnd", request.suffix_end);
  read_option(o, "scoredFrom", request.scored_from);
  read_option(o, "gathersActivations", request.gathers_activations);
  read_option(o, "looksUp", request.looks_up);
  read_option(o, "keysAndValues", request.keys_and_values);
  read_option(o, "importedFrom", request.imported_from);
  read_option(o, "bannedFirstTokens", request.banned_first_tokens);
  read_option(o, "usesMemory", request.uses_memory);
  request.memory = memory_of(o.Get("memory"));
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
    case Event::kLogits:
      o.Set("type", "logits");
      o.Set("logits", copied(env, event.logits));
      break;
    case Event::kScores:
      o.Set("type", "scores");
      o.Set("scores", copied(env, event.scores));
      break;
    case Event::kActivations:
      o.Set("type", "activations");
      o.Set("mean", copied(env, event.activations.mean));
      o.Set("square", copied(env, event.activations.square));
      break;
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
                           InstanceMethod<&EngineObject::forget>("forget"),
                           InstanceMethod<&EngineObject::dispose>("dispose"),
                       });
  }

  explicit EngineObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EngineObject>(info) {
    const Napi::Object options = info[0].ToObject();
    const std::string path = options.Get("weightsPath").ToString();
    const Napi::Value isa = options.Get("isa");
    int32_t draft_rows = kDraftRows;
    int32_t threads = 1, progress_ms = kProgressInterval.count();
    double cache_bytes = kCacheBytes;
    read_required(options, "threads", threads);
    read_option(options, "progressIntervalMs", progress_ms);
    read_option(options, "cacheBytes", cache_bytes);
    read_option(options, "draftRows", draft_rows);
    try {
      auto model = load_model(path, read_config(options.Get("config").ToObject()),
                              read_tensors(options.Get("tensors").ToObject()));
      const Kernels& kernels = choose_kernels(isa.IsUndefined() ? "" : isa.ToString().Utf8Value());
      engine_ = std::make_shared<Engine>(
          std::move(model), kernels, std::clamp(threads, 1, 64), read_token_bytes(options.Get("tokenBytes")),
          memory_of(options.Get("memory")), std::chrono::milliseconds(progress_ms),
          static_cast<size_t>(std::clamp(cache_bytes, 0.0, 1e12)), std::max(draft_rows, 0));
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

  // logits(tokens, widths, listener, reusableTokens = 0)
  void logits(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    auto request = std::make_shared<Request>();
    read(info[0], "tokens", request->tokens);
    read(info[1], "widths", request->widths);
    request->all_logits = true;
    if (!info[3].IsUndefined()) read(info[3], "reusableTokens", request->reusable_tokens);
    if (!info[2].IsFunction()) throw Napi::TypeError::New(env, "logits needs a listener");
    submit(env, request, info[2].As<Napi::Function>());
  }

  // forget(cacheKeys)
  void forget(const Napi::CallbackInfo& info) {
    std::vector<int32_t> cache_keys;
    read(info[0], "cacheKeys", cache_keys);
    engine(info.Env()).forget(cache_keys);
  }

  void dispose(const Napi::CallbackInfo&) { engine_.reset(); }

  std::shared_ptr<Engine> engine_;
};

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("Engine", EngineObject::define(env));
  exports.Set("Encoder", define_encoder(env));
  exports.Set("Memory", define_memory(env));
  exports.Set("Sensors", define_sensors(env));
  exports.Set("VectorIndex", define_vector_index(env));
  define_import(env, exports);
  exports.Set("copyRefusedMemory", Napi::Function::New(env, copy_refused_memory));
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
