#include "binding.h"

#include <string>
#include <vector>

#include "../values.h"
#include "blocks.h"
#include "convert.h"
#include "permute.h"

namespace matcoder {
namespace {

const BlockType& read_type(const Napi::Value& value) {
  const std::string name = value.ToString();
  const BlockType* type = block_type(name);
  if (!type) throw Napi::RangeError::New(value.Env(), name + " is not a type of weights that is read");
  return *type;
}

WeightForm read_form(const Napi::Value& value) {
  const std::string name = value.ToString();
  if (name == "float") return WeightForm::kFloat;
  if (name == "8") return WeightForm::kEightBits;
  if (name == "4") return WeightForm::kFourBits;
  if (name == "4min") return WeightForm::kFourBitsMin;
  throw Napi::RangeError::New(value.Env(), name + " is not a form of weights");
}

// An option that must be an array of `bytes` bytes. It is kept from the collector until the work is done.
class Bytes {
 public:
  Bytes(const Napi::Object& options, const char* name, size_t bytes) {
    auto array = typed_array<uint8_t>(options.Get(name), name);
    if (array.ElementLength() != bytes)
      throw Napi::RangeError::New(options.Env(), std::string(name) + " has " + std::to_string(array.ElementLength()) +
                                                     " bytes of " + std::to_string(bytes));
    data = array.Data();
    kept_ = Napi::Persistent(array.As<Napi::Object>());
  }

  uint8_t* data = nullptr;

 private:
  Napi::ObjectReference kept_;
};

// Works on a thread of libuv's pool, then settles a promise with the loss.
class Worker : public Napi::AsyncWorker {
 public:
  explicit Worker(Napi::Env env) : AsyncWorker(env, "matcoder import"), deferred_(Napi::Promise::Deferred::New(env)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  virtual Loss work() = 0;

 private:
  void Execute() override {
    try {
      loss_ = work();
    } catch (const std::exception& error) {
      SetError(error.what());
    }
  }
  void OnOK() override {
    Napi::Object loss = Napi::Object::New(Env());
    loss.Set("squaredError", loss_.squared_error);
    loss.Set("squaredSum", loss_.squared_sum);
    deferred_.Resolve(loss);
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

  const Napi::Promise::Deferred deferred_;
  Loss loss_;
};

// The worker deletes itself at the end.
Napi::Value started(Worker* worker) {
  const Napi::Promise promise = worker->promise();
  worker->Queue();
  return promise;
}

class ConvertWorker : public Worker {
 public:
  ConvertWorker(Napi::Env env, const Napi::Object& options, const Conversion& conversion)
      : Worker(env),
        conversion_(conversion),
        source_(options, "source",
                conversion.rows * (conversion.k / static_cast<size_t>(conversion.type->values)) *
                    static_cast<size_t>(conversion.type->bytes)),
        values_(options, "values", sizes().values),
        scales_(options, "scales", sizes().scales),
        minimums_(options, "minimums", sizes().minimums) {}

  Loss work() override { return convert_rows(conversion_, source_.data, values_.data, scales_.data, minimums_.data); }

 private:
  FormBytes sizes() const { return bytes_of(conversion_.form, conversion_.rows, conversion_.k); }

  const Conversion conversion_;
  const Bytes source_, values_, scales_, minimums_;
};

class PermuteWorker : public Worker {
 public:
  PermuteWorker(Napi::Env env, const Napi::Object& options, const Permutation& permutation)
      : Worker(env),
        permutation_(permutation),
        source_(options, "source", permutation.source_bytes().values),
        source_scales_(options, "sourceScales", permutation.source_bytes().scales),
        source_minimums_(options, "sourceMinimums", permutation.source_bytes().minimums),
        values_(options, "values", permutation.result_bytes().values),
        scales_(options, "scales", permutation.result_bytes().scales) {}

  Loss work() override {
    return permute_columns(permutation_, source_.data, source_scales_.data, source_minimums_.data, values_.data,
                           scales_.data);
  }

 private:
  const Permutation permutation_;
  const Bytes source_, source_scales_, source_minimums_, values_, scales_;
};

// convertRows(options): a promise of the loss; NativeConversion in src/engine/addon.ts
Napi::Value convert(const Napi::CallbackInfo& info) {
  const Napi::Object options = info[0].ToObject();
  int32_t rows = 0, k = 0, head_rows = 0;
  read_required(options, "rows", rows);
  read_required(options, "k", k);
  read_option(options, "headRows", head_rows);
  if (rows < 1 || k < 1 || head_rows < 0) throw Napi::RangeError::New(info.Env(), "rows, k and headRows are counts");
  Conversion conversion;
  conversion.type = &read_type(options.Get("type"));
  conversion.form = read_form(options.Get("form"));
  conversion.rows = static_cast<size_t>(rows);
  conversion.k = static_cast<size_t>(k);
  conversion.head_rows = static_cast<size_t>(head_rows);
  try {
    check_conversion(conversion);
  } catch (const std::invalid_argument& error) {
    throw Napi::RangeError::New(info.Env(), error.what());
  }
  return started(new ConvertWorker(info.Env(), options, conversion));
}

// permuteColumns(options): a promise of the loss; NativePermutation in src/engine/addon.ts
Napi::Value permute(const Napi::CallbackInfo& info) {
  const Napi::Object options = info[0].ToObject();
  int32_t rows = 0, k = 0;
  read_required(options, "rows", rows);
  read_required(options, "k", k);
  if (rows < 1 || k < 1) throw Napi::RangeError::New(info.Env(), "rows and k are counts");
  Permutation permutation;
  permutation.by_row = options.Get("form").ToString().Utf8Value() == "rows";
  if (!permutation.by_row) permutation.form = read_form(options.Get("form"));
  permutation.rows = static_cast<size_t>(rows);
  permutation.k = static_cast<size_t>(k);
  read_required(options, "order", permutation.order);
  try {
    check_permutation(permutation);
  } catch (const std::invalid_argument& error) {
    throw Napi::RangeError::New(info.Env(), error.what());
  }
  return started(new PermuteWorker(info.Env(), options, permutation));
}

// dequantise(type, bytes): a Float32Array. For short tensors and for tests, because the caller's thread does it.
Napi::Value dequantise(const Napi::CallbackInfo& info) {
  const BlockType& type = read_type(info[0]);
  const auto bytes = typed_array<uint8_t>(info[1], "bytes");
  const size_t blocks = bytes.ElementLength() / static_cast<size_t>(type.bytes);
  if (blocks * static_cast<size_t>(type.bytes) != bytes.ElementLength())
    throw Napi::RangeError::New(info.Env(), std::string("the bytes are no whole number of blocks of ") + type.name);
  auto values = Napi::Float32Array::New(info.Env(), blocks * static_cast<size_t>(type.values));
  type.dequantise(bytes.Data(), blocks, values.Data());
  return values;
}

}  // namespace

void define_import(Napi::Env env, Napi::Object exports) {
  exports.Set("convertRows", Napi::Function::New(env, convert, "convertRows"));
  exports.Set("permuteColumns", Napi::Function::New(env, permute, "permuteColumns"));
  exports.Set("dequantise", Napi::Function::New(env, dequantise, "dequantise"));
}

}  // namespace matcoder
