#include "binding.h"

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "../cpu.h"
#include "../model_options.h"
#include "../values.h"
#include "encoder_queue.h"

namespace matcoder {
namespace {

EncoderConfig read_encoder_config(const Napi::Object& o) {
  EncoderConfig c;
  c.blocks = read_config(o);
  read_required(o, "isCausal", c.causal);
  read_required(o, "poolsLast", c.pools_last);
  read_required(o, "embeddingSize", c.embedding);
  read_required(o, "maxInput", c.max_input);
  const Napi::Value picture = o.Get("picture");
  if (picture.IsUndefined()) return c;
  const Napi::Object of = picture.ToObject();
  read_required(of, "size", c.picture_size);
  read_required(of, "patch", c.patch_size);
  read_required(of, "channels", c.picture_channels);
  return c;
}

// The encoder as a JavaScript class: NativeEncoder in src/engine/addon.ts.
class EncoderObject : public Napi::ObjectWrap<EncoderObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Encoder",
                       {
                           InstanceAccessor<&EncoderObject::isa>("isa"),
                           InstanceAccessor<&EncoderObject::threads>("threads"),
                           InstanceAccessor<&EncoderObject::weight_bytes>("weightBytes"),
                           InstanceMethod<&EncoderObject::embed_tokens>("embedTokens"),
                           InstanceMethod<&EncoderObject::embed_pictures>("embedPictures"),
                           InstanceMethod<&EncoderObject::dispose>("dispose"),
                       });
  }

  explicit EncoderObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EncoderObject>(info) {
    const Napi::Object options = info[0].ToObject();
    const std::string path = options.Get("weightsPath").ToString();
    const Napi::Value isa = options.Get("isa");
    int32_t threads = 1;
    read_required(options, "threads", threads);
    try {
      auto model = load_encoder(path, read_encoder_config(options.Get("config").ToObject()),
                                read_tensors(options.Get("tensors").ToObject()));
      const Kernels& kernels = choose_kernels(isa.IsUndefined() ? "" : isa.ToString().Utf8Value());
      queue_ = std::make_shared<EncoderQueue>(
          std::make_unique<Encoder>(std::move(model), kernels, std::clamp(threads, 1, 64)));
    } catch (const std::bad_alloc&) {
      throw Napi::Error::New(info.Env(), path + ": there is not enough memory for this encoder");
    }
  }

 private:
  EncoderQueue& queue(Napi::Env env) const {
    if (!queue_) throw Napi::Error::New(env, "the encoder was disposed");
    return *queue_;
  }

  Napi::Value isa(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), queue(info.Env()).encoder().kernels().name);
  }
  Napi::Value threads(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), queue(info.Env()).encoder().threads());
  }
  Napi::Value weight_bytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(queue(info.Env()).encoder().weight_bytes()));
  }

  // embedTokens(tokens, ends, widths): { result, abort }
  Napi::Value embed_tokens(const Napi::CallbackInfo& info) {
    auto request = std::make_shared<EncodeRequest>();
    read(info[0], "tokens", request->input.tokens);
    read(info[1], "ends", request->input.ends);
    read(info[2], "widths", request->widths);
    return submit(info.Env(), std::move(request));
  }

  // embedPictures(pixels, widths): { result, abort }
  Napi::Value embed_pictures(const Napi::CallbackInfo& info) {
    auto request = std::make_shared<EncodeRequest>();
    read(info[0], "pixels", request->input.pixels);
    read(info[1], "widths", request->widths);
    return submit(info.Env(), std::move(request));
  }

  Napi::Value submit(Napi::Env env, std::shared_ptr<EncodeRequest> request) {
    EncoderQueue& target = queue(env);  // may throw, so it comes before the function that would keep the process alive
    const auto deferred = Napi::Promise::Deferred::New(env);
    const auto nothing = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
    auto settling = Napi::ThreadSafeFunction::New(env, nothing, "matcoder encoder", 0, 1);
    request->on_end = [settling, deferred, this](EncodeResult result) mutable {
      const auto kept = std::make_shared<EncodeResult>(std::move(result));
      const auto settle = [kept, deferred, this](Napi::Env env, Napi::Function) {
        if (env == nullptr) return;
        if (kept->aborted || !kept->fault.empty()) {
          const auto error = Napi::Error::New(env, kept->aborted ? "the embedding was aborted" : kept->fault);
          if (kept->aborted) error.Set("name", "AbortError");
          deferred.Reject(error.Value());
        } else {
          deferred.Resolve(copied(env, kept->embeddings));
        }
        Unref();
      };
      // While the environment is torn down, the call is refused and the function no longer exists.
      if (settling.BlockingCall(settle) != napi_closing) settling.Release();
    };
    Ref();  // until the result is there
    try {
      target.submit(request);
    } catch (const std::invalid_argument& error) {
      Unref();
      settling.Abort();
      throw Napi::RangeError::New(env, error.what());
    }
    Napi::Object handle = Napi::Object::New(env);
    handle.Set("result", deferred.Promise());
    const std::weak_ptr<EncoderQueue> queue = queue_;
    handle.Set("abort", Napi::Function::New(env, [request, queue](const Napi::CallbackInfo&) {
                 if (const auto open = queue.lock()) open->abort(request);
               }));
    return handle;
  }

  void dispose(const Napi::CallbackInfo&) { queue_.reset(); }

  std::shared_ptr<EncoderQueue> queue_;
};

}  // namespace

Napi::Function define_encoder(Napi::Env env) { return EncoderObject::define(env); }

}  // namespace matcoder
