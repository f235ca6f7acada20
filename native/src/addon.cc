// The edge between JavaScript and the engine: arguments in, events out, nothing else.
#include <napi.h>

#include <chrono>
#include <optional>
#include <utility>

#include "cpu.h"
#include "engine.h"
#include "sensors/binding.h"

namespace matcoder {
namespace {

int32_t integer(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsNumber()) throw Napi::TypeError::New(object.Env(), std::string(name) + " must be a number");
  return value.As<Napi::Number>().Int32Value();
}

std::vector<int32_t> integers(const Napi::Env& env, const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array)
    throw Napi::TypeError::New(env, std::string(name) + " must be an Int32Array");
  const auto array = value.As<Napi::Int32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::vector<float> floats(const Napi::Env& env, const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array)
    throw Napi::TypeError::New(env, std::string(name) + " must be a Float32Array");
  const auto array = value.As<Napi::Float32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

// None where the array is empty.
std::optional<ScoreBound> score_bound(const Napi::Env& env, const Napi::Value& value) {
  const std::vector<float> weights = floats(env, value, "scoreBound");
  if (weights.empty()) return std::nullopt;
  if (weights.size() != 5) throw Napi::TypeError::New(env, "scoreBound must hold 5 numbers");
  return ScoreBound{weights[0], weights[1], weights[2], weights[3], weights[4]};
}

std::string bytes(const Napi::Env& env, const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw Napi::TypeError::New(env, std::string(name) + " must be a Uint8Array");
  const auto array = value.As<Napi::Uint8Array>();
  return {reinterpret_cast<const char*>(array.Data()), array.ElementLength()};
}

// [vocabulary] the bytes of each token; none where the option is missing.
std::vector<std::string> read_token_bytes(const Napi::Value& value) {
  std::vector<std::string> token_bytes;
  if (!value.IsArray()) return token_bytes;
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) token_bytes.push_back(bytes(value.Env(), array.Get(i), "a spelling"));
  return token_bytes;
}

Config read_config(const Napi::Object& o) {
  Config c;
  c.hidden = integer(o, "hiddenSize");
  c.layers = integer(o, "layers");
  c.heads = integer(o, "heads");
  c.kv_heads = integer(o, "kvHeads");
  c.head_dim = integer(o, "headDim");
  c.ffn = integer(o, "ffnSize");
  c.vocabulary = integer(o, "vocabularySize");
  c.context = integer(o, "contextLength");
  c.rope_theta = o.Get("ropeTheta").ToNumber().FloatValue();
  c.norm_eps = o.Get("normEps").ToNumber().FloatValue();
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
      break;
    case Event::kLogits: {
      // Copied: Electron forbids buffers outside of its own heap.
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
      if (!event.message.empty()) o.Set("message", event.message);
      break;
  }
  return o;
}

// Events on their way to JavaScript. Waking its thread costs a good part of a small submodel's step, on a core that the
// step may need, so tokens that follow within a millisecond wait for the next event.
class Outbox {
 public:
  // Whether JavaScript has to be told.
  bool put(Event event) {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard<std::mutex> lock(mutex_);
    const bool waits = event.kind == Event::kPrefill ||  // the first token or the end follows at once
                       (event.kind == Event::kToken && now - told_ < std::chrono::milliseconds(1));
    events_.push_back(std::move(event));
    if (!waits) told_ = now;
    return !waits;
  }
  std::vector<Event> take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(events_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<Event> events_;
  std::chrono::steady_clock::time_point told_{};
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
    const std::string isa = options.Has("isa") ? options.Get("isa").ToString().Utf8Value() : "";
    const int threads = std::min(64, std::max(1, integer(options, "threads")));
    try {
      auto model = load_model(path, read_config(options.Get("config").ToObject()),
                              read_tensors(options.Get("tensors").ToObject()));
      engine_ = std::make_shared<Engine>(std::move(model), choose_kernels(isa), threads,
                                         read_token_bytes(options.Get("tokenBytes")));
    } catch (const Napi::Error&) {
      throw;
    } catch (const std::bad_alloc&) {
      throw Napi::Error::New(info.Env(), path + ": there is not enough memory for this model");
    } catch (const std::exception& error) {
      throw Napi::Error::New(info.Env(), error.what());
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

  // Hands a request to the engine; its events come back to `listener` on the JavaScript thread.
  void submit(Napi::Env env, const std::shared_ptr<Request>& request, const Napi::Function& listener) {
    Engine& target = engine(env);  // throws before there is a function that would keep the process alive
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
            // To the process, as from any other callback; refused where the environment is being torn down.
            napi_fatal_exception(env, error.Value());
          }
          if (event.kind == Event::kEnd) Unref();
        }
      };
      // Where JavaScript is going away the call is refused, and the function is gone with it.
      closing = events.BlockingCall(deliver) == napi_closing;
      if (last && !closing) events.Release();
    };
    Ref();  // until the end event: a caller that only listens need not hold the engine
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
    request->tokens = integers(env, o.Get("tokens"), "tokens");
    request->widths = integers(env, o.Get("widths"), "widths");
    request->stop_tokens = integers(env, o.Get("stopTokens"), "stopTokens");
    if (o.Has("bannedFirstTokens"))
      request->banned_first_tokens = integers(env, o.Get("bannedFirstTokens"), "bannedFirstTokens");
    if (o.Has("copyWeights")) request->copy_weights = floats(env, o.Get("copyWeights"), "copyWeights");
    if (o.Has("healingPrefix")) request->healing_prefix = bytes(env, o.Get("healingPrefix"), "healingPrefix");
    if (o.Has("expected")) request->expected = integers(env, o.Get("expected"), "expected");
    if (o.Has("endsWithLine")) request->ends_with_line = o.Get("endsWithLine").ToBoolean();
    if (o.Has("scoreBound")) request->score_bound = score_bound(env, o.Get("scoreBound"));
    if (o.Has("draftTokens")) request->speculation.max_tokens = integer(o, "draftTokens");
    if (o.Has("draftWidths")) request->speculation.widths = integers(env, o.Get("draftWidths"), "draftWidths");
    if (o.Has("draftAlways")) request->speculation.always = o.Get("draftAlways").ToBoolean();
    request->max_tokens = std::max(0, integer(o, "maxTokens"));
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
    request->tokens = integers(env, info[0], "tokens");
    request->widths = integers(env, info[1], "widths");
    request->all_logits = true;
    if (!info[2].IsFunction()) throw Napi::TypeError::New(env, "logits needs a listener");
    submit(env, request, info[2].As<Napi::Function>());
  }

  void dispose(const Napi::CallbackInfo&) { engine_.reset(); }

  std::shared_ptr<Engine> engine_;
};

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("Engine", EngineObject::define(env));
  exports.Set("Sensors", define_sensors(env));
  Napi::Array isas = Napi::Array::New(env);
  for (const Kernels* kernels : supported_kernels()) isas.Set(isas.Length(), Napi::String::New(env, kernels->name));
  exports.Set("supportedIsas", isas);
  return exports;
}

}  // namespace
}  // namespace matcoder

static Napi::Object InitAddon(Napi::Env env, Napi::Object exports) { return matcoder::init(env, exports); }

NODE_API_MODULE(matcoder_engine, InitAddon)
