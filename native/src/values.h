// Reads values from JavaScript, by the type of the C++ variable. `name` is for the error message.
#pragma once

#include <napi.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "score_bound.h"

namespace matcoder {

inline Napi::TypeError wrong_type(const Napi::Value& value, const char* name, const char* expected) {
  return Napi::TypeError::New(value.Env(), std::string(name) + " must be " + expected);
}

inline void read(const Napi::Value& value, const char* name, bool& out) {
  if (!value.IsBoolean()) throw wrong_type(value, name, "a boolean");
  out = value.As<Napi::Boolean>();
}

inline void read(const Napi::Value& value, const char* name, int32_t& out) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!(number >= INT32_MIN && number <= INT32_MAX && number == std::trunc(number)))
    throw wrong_type(value, name, "an integer of 32 bits");
  out = static_cast<int32_t>(number);
}

inline void read(const Napi::Value& value, const char* name, float& out) {
  if (!value.IsNumber()) throw wrong_type(value, name, "a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  out = std::abs(number) > FLT_MAX ? INFINITY : static_cast<float>(number);
}

inline void read(const Napi::Value& value, const char* name, double& out) {
  if (!value.IsNumber()) throw wrong_type(value, name, "a number");
  out = value.As<Napi::Number>().DoubleValue();
}

template <typename T>
struct TypedArrayOf;
template <>
struct TypedArrayOf<int32_t> {
  static constexpr napi_typedarray_type kType = napi_int32_array;
  static constexpr const char* kExpected = "an Int32Array";
};
template <>
struct TypedArrayOf<float> {
  static constexpr napi_typedarray_type kType = napi_float32_array;
  static constexpr const char* kExpected = "a Float32Array";
};
template <>
struct TypedArrayOf<uint16_t> {
  static constexpr napi_typedarray_type kType = napi_uint16_array;
  static constexpr const char* kExpected = "a Uint16Array";
};
template <>
struct TypedArrayOf<uint8_t> {
  static constexpr napi_typedarray_type kType = napi_uint8_array;
  static constexpr const char* kExpected = "a Uint8Array";
};

template <>
struct TypedArrayOf<int8_t> {
  static constexpr napi_typedarray_type kType = napi_int8_array;
  static constexpr const char* kExpected = "an Int8Array";
};

template <typename T>
Napi::TypedArrayOf<T> typed_array(const Napi::Value& value, const char* name) {
  using Expected = TypedArrayOf<T>;
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != Expected::kType)
    throw wrong_type(value, name, Expected::kExpected);
  return value.As<Napi::TypedArrayOf<T>>();
}

// From a plain array.
inline void read(const Napi::Value& value, const char* name, std::vector<double>& out) {
  if (!value.IsArray()) throw wrong_type(value, name, "an array of numbers");
  const auto array = value.As<Napi::Array>();
  out.resize(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) read(array.Get(i), name, out[i]);
}

template <typename T>
inline void read(const Napi::Value& value, const char* name, std::vector<T>& out) {
  const auto array = typed_array<T>(value, name);
  out.assign(array.Data(), array.Data() + array.ElementLength());
}

inline void read(const Napi::Value& value, const char* name, std::string& out) {
  const auto array = typed_array<uint8_t>(value, name);
  out.assign(reinterpret_cast<const char*>(array.Data()), array.ElementLength());
}

// An empty array stands for no bound.
inline void read(const Napi::Value& value, const char* name, std::optional<ScoreBound>& out) {
  std::vector<float> weights;
  read(value, name, weights);
  if (weights.empty()) return;
  if (weights.size() != 6) throw wrong_type(value, name, "empty or 6 numbers");
  out = ScoreBound{weights[0], weights[1], weights[2], weights[3], weights[4], weights[5]};
}

// The property `name`, which must be there.
template <typename T>
void read_required(const Napi::Object& object, const char* name, T& out) {
  read(object.Get(name), name, out);
}

// The property `name`; `out` stays as it is if that is missing or undefined.
template <typename T>
void read_option(const Napi::Object& object, const char* name, T& out) {
  const Napi::Value value = object.Get(name);
  if (!value.IsUndefined()) read(value, name, out);
}

// A copy, because Electron forbids buffers outside its own heap.
template <typename T>
Napi::TypedArrayOf<T> copied(Napi::Env env, const std::vector<T>& values) {
  auto array = Napi::TypedArrayOf<T>::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

// [vocabulary] the bytes of each token; no entries if the option is missing.
inline std::vector<std::string> read_token_bytes(const Napi::Value& value) {
  std::vector<std::string> token_bytes;
  if (!value.IsArray()) return token_bytes;
  const auto array = value.As<Napi::Array>();
  token_bytes.resize(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) read(array.Get(i), "an entry of tokenBytes", token_bytes[i]);
  return token_bytes;
}

}  // namespace matcoder
