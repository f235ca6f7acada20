#include "gate.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "../elementary.h"

namespace matcoder {
namespace {

constexpr size_t kMostUnits = 256;

float row_times(const float* row, const float* values, size_t count) {
  float sum = row[count];
  for (size_t i = 0; i < count; i++) sum += row[i] * values[i];
  return sum;
}

}  // namespace

std::array<float, kGateInputs> gate_inputs(const Components& components, const ModelPrediction& model) {
  std::array<float, kGateInputs> inputs{};
  float* next = inputs.data();
  for (const Component& component : components) {
    if (component.length > 0) {
      const Continuation& top = component.continuations[0];
      next[0] = static_cast<float>(component.length) / 8;
      next[1] = log_of(1 + static_cast<float>(component.count)) / 3;
      next[2] = log_of(1 + static_cast<float>(component.continuations.size())) / 2;
      next[3] = top.share;
      next[4] = 1;
      next[5] = log_of(model.of(top.token) + 1e-4f) / 4;
      next[6] = top.token == model.token ? 1 : 0;
    }
    next += kInputsOfComponent;
  }
  *next = log_of(model.probability + 1e-6f);
  return inputs;
}

float ModelPrediction::of(int32_t other) const { return probability * exp_of(logits[other] - logits[token]); }

Gate::Gate(std::vector<float> hidden, std::vector<float> output)
    : hidden_(std::move(hidden)), output_(std::move(output)), units_(hidden_.size() / (kGateInputs + 1)) {
  if (units_ < 1 || units_ > kMostUnits || hidden_.size() != units_ * (kGateInputs + 1) ||
      output_.size() != (1 + kComponents) * (units_ + 1))
    throw std::invalid_argument("the memory's gate has " + std::to_string(hidden_.size()) + " and " +
                                std::to_string(output_.size()) + " weights, which fit no number of hidden units");
  const auto is_finite = [](float weight) { return std::isfinite(weight); };
  if (!std::all_of(hidden_.begin(), hidden_.end(), is_finite) ||
      !std::all_of(output_.begin(), output_.end(), is_finite))
    throw std::invalid_argument("a weight of the memory's gate is not finite");
}

MixtureWeights Gate::weigh(const Components& components, const ModelPrediction& model) const {
  const auto inputs = gate_inputs(components, model);
  std::array<float, kMostUnits> units;
  for (size_t u = 0; u < units_; u++) {
    const float unit = row_times(hidden_.data() + u * (kGateInputs + 1), inputs.data(), kGateInputs);
    units[u] = unit > 0 ? unit : 0;
  }
  MixtureWeights weights{};
  const auto is_present = [&](size_t k) { return k == 0 || components[k - 1].length > 0; };
  float top = 0;
  for (size_t k = 0; k < weights.size(); k++) {
    weights[k] = row_times(output_.data() + k * (units_ + 1), units.data(), units_);
    if (is_present(k)) top = k == 0 ? weights[k] : std::max(top, weights[k]);
  }
  float sum = 0;
  for (size_t k = 0; k < weights.size(); k++) {
    weights[k] = is_present(k) ? exp_of(weights[k] - top) : 0;
    sum += weights[k];
  }
  for (float& weight : weights) weight /= sum;
  return weights;
}

}  // namespace matcoder
