#include "binding.h"

#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "../cpu.h"
#include "../values.h"
#include "vector_index.h"

namespace matcoder {
namespace {

// Calls body() and turns the exceptions of the index into those of JavaScript.
template <typename Body>
void translated(Napi::Env env, const Body& body) {
  try {
    body();
  } catch (const std::invalid_argument& error) {
    throw Napi::RangeError::New(env, error.what());
  } catch (const std::bad_alloc&) {
    throw Napi::Error::New(env, "there is not enough memory for more vectors");
  }
}

// Searches on a thread of libuv's pool, then settles a promise.
class SearchWorker : public Napi::AsyncWorker {
 public:
  SearchWorker(Napi::Env env, std::shared_ptr<const VectorIndex> index, std::vector<float> query, size_t count,
               int prefix)
      : AsyncWorker(env, "matcoder vectors"),
        deferred_(Napi::Promise::Deferred::New(env)),
        index_(std::move(index)),
        query_(std::move(query)),
        count_(count),
        prefix_(prefix) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    try {
      hits_ = index_->search(query_.data(), count_, prefix_);
    } catch (const std::exception& error) {
      SetError(error.what());
    }
  }
  void OnOK() override {
    auto ids = Napi::Int32Array::New(Env(), hits_.size());
    auto scores = Napi::Float32Array::New(Env(), hits_.size());
    for (size_t i = 0; i < hits_.size(); i++) {
      ids[i] = hits_[i].id;
      scores[i] = hits_[i].score;
    }
    Napi::Object found = Napi::Object::New(Env());
    found.Set("ids", ids);
    found.Set("scores", scores);
    deferred_.Resolve(found);
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  const Napi::Promise::Deferred deferred_;
  const std::shared_ptr<const VectorIndex> index_;
  const std::vector<float> query_;
  const size_t count_;
  const int prefix_;
  std::vector<Hit> hits_;
};

// The index as a JavaScript class: NativeVectorIndex in src/engine/addon.ts.
class VectorIndexObject : public Napi::ObjectWrap<VectorIndexObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "VectorIndex",
                       {
                           InstanceAccessor<&VectorIndexObject::size>("size"),
                           InstanceAccessor<&VectorIndexObject::bytes>("bytes"),
                           InstanceMethod<&VectorIndexObject::set>("set"),
                           InstanceMethod<&VectorIndexObject::remove>("remove"),
                           InstanceMethod<&VectorIndexObject::search>("search"),
                           InstanceMethod<&VectorIndexObject::export_vectors>("export"),
                           InstanceMethod<&VectorIndexObject::import_vectors>("import"),
                       });
  }

  // (dimensions, prefixes, isa)
  explicit VectorIndexObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<VectorIndexObject>(info) {
    int32_t dimensions = 0;
    std::vector<int32_t> prefixes;
    read(info[0], "dimensions", dimensions);
    read(info[1], "prefixes", prefixes);
    const std::string isa = info[2].IsUndefined() ? "" : info[2].ToString().Utf8Value();
    translated(info.Env(),
               [&] { index_ = std::make_shared<VectorIndex>(dimensions, std::move(prefixes), choose_kernels(isa)); });
  }

 private:
  Napi::Value size(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(index_->size()));
  }
  Napi::Value bytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(index_->bytes()));
  }

  // set(ids, vectors)
  void set(const Napi::CallbackInfo& info) {
    const auto ids = typed_array<int32_t>(info[0], "ids");
    const auto vectors = typed_array<float>(info[1], "vectors");
    check_length(info.Env(), ids.ElementLength(), vectors.ElementLength());
    translated(info.Env(), [&] { index_->set(ids.Data(), ids.ElementLength(), vectors.Data()); });
  }

  // remove(ids)
  void remove(const Napi::CallbackInfo& info) {
    const auto ids = typed_array<int32_t>(info[0], "ids");
    translated(info.Env(), [&] { index_->remove(ids.Data(), ids.ElementLength()); });
  }

  // search(query, count, prefix): a promise of { ids, scores }
  Napi::Value search(const Napi::CallbackInfo& info) {
    std::vector<float> query;
    int32_t count = 0, prefix = index_->dimensions();
    read(info[0], "query", query);
    read(info[1], "count", count);
    if (!info[2].IsUndefined()) read(info[2], "prefix", prefix);
    if (count < 0) throw Napi::RangeError::New(info.Env(), "count must not be negative");
    check_length(info.Env(), 1, query.size());
    auto* worker = new SearchWorker(info.Env(), index_, std::move(query), static_cast<size_t>(count), prefix);
    const Napi::Promise promise = worker->promise();
    worker->Queue();
    return promise;
  }

  // export(): { ids, values }
  Napi::Value export_vectors(const Napi::CallbackInfo& info) {
    std::vector<int32_t> ids;
    std::vector<int8_t> values;
    translated(info.Env(), [&] { index_->export_to(ids, values); });
    Napi::Object all = Napi::Object::New(info.Env());
    all.Set("ids", copied(info.Env(), ids));
    all.Set("values", copied(info.Env(), values));
    return all;
  }

  // import(ids, values)
  void import_vectors(const Napi::CallbackInfo& info) {
    const auto ids = typed_array<int32_t>(info[0], "ids");
    const auto values = typed_array<int8_t>(info[1], "values");
    check_length(info.Env(), ids.ElementLength(), values.ElementLength());
    translated(info.Env(), [&] { index_->import_from(ids.Data(), ids.ElementLength(), values.Data()); });
  }

  void check_length(Napi::Env env, size_t vectors, size_t numbers) const {
    const auto dimensions = static_cast<size_t>(index_->dimensions());
    if (numbers == vectors * dimensions) return;
    throw Napi::RangeError::New(env, std::to_string(vectors) + " vectors of " + std::to_string(dimensions) +
                                         " numbers were expected, but there are " + std::to_string(numbers) +
                                         " numbers");
  }

  std::shared_ptr<VectorIndex> index_;
};

}  // namespace

Napi::Function define_vector_index(Napi::Env env) { return VectorIndexObject::define(env); }

}  // namespace matcoder
