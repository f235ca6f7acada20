// The description of a model's weights, from JavaScript.
#pragma once

#include <napi.h>

#include <string>
#include <unordered_map>
#include <utility>

#include "model.h"
#include "values.h"

namespace matcoder {

// ModelConfig in src/matlm/shape.ts.
inline Config read_config(const Napi::Object& o) {
  Config c;
  read_required(o, "hiddenSize", c.hidden);
  read_required(o, "layers", c.layers);
  read_required(o, "heads", c.heads);
  read_required(o, "kvHeads", c.kv_heads);
  read_required(o, "headDim", c.head_dim);
  read_required(o, "ffnSize", c.ffn);
  read_required(o, "vocabularySize", c.vocabulary);
  read_required(o, "contextLength", c.context);
  read_required(o, "normEps", c.norm_eps);
  read_required(o, "ropeFrequencies", c.rope_frequencies);
  read_required(o, "ropeMagnitude", c.rope_magnitude);
  read_required(o, "hasAttentionBias", c.attention_bias);
  read_required(o, "hasOutputBias", c.output_bias);
  read_required(o, "hasQkNorm", c.qk_norm);
  read_required(o, "hasTiedHead", c.tied_head);
  read_required(o, "hasCompensation", c.compensation);
  read_required(o, "embeddingScale", c.embedding_scale);
  read_required(o, "attentionScale", c.attention_scale);
  read_required(o, "residualScale", c.residual_scale);
  read_required(o, "logitScale", c.logit_scale);
  return c;
}

// TensorEntry in src/matlm/safetensors.ts, by the names of the tensors.
inline std::unordered_map<std::string, TensorEntry> read_tensors(const Napi::Object& tensors) {
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

}  // namespace matcoder
