#pragma once

#include <array>
#include <vector>

#include "matches.h"

namespace matcoder {

// What the gate is told about a component; zeros if it has no match.
constexpr int kInputsOfComponent = 7;
// And the logarithm of the model's largest probability.
constexpr int kGateInputs = kComponents * kInputsOfComponent + 1;

// The most probable token of the model, and a function for the others' probabilities. Banned tokens have none; a
// healing prefix does not count yet.
struct ModelPrediction {
  const float* logits = nullptr;  // [vocabulary]
  int32_t token = 0;
  float probability = 0;
  float of(int32_t other) const;
};

// As in training/memory.py.
std::array<float, kGateInputs> gate_inputs(const Components& components, const ModelPrediction& model);

// The weights of the model (first) and of the components in a prediction; they add up to 1.
using MixtureWeights = std::array<float, 1 + kComponents>;

// A small network, fitted on held-out code by training/gate.py, which weighs the components of a prediction against the
// model by their matches and by what the model itself predicts. It gives the same bits on every processor.
class Gate {
 public:
  // hidden: [units, kGateInputs + 1], output: [1 + kComponents, units + 1], the bias last in each row
  // Throws std::invalid_argument if the sizes do not fit or a weight is not finite.
  Gate(std::vector<float> hidden, std::vector<float> output);

  // A component without a match has the weight 0.
  MixtureWeights weigh(const Components& components, const ModelPrediction& model) const;

 private:
  std::vector<float> hidden_, output_;
  size_t units_;
};

}  // namespace matcoder
