#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "sensors.h"

namespace matcoder {

// The share of the processor that others took between two readings of counters that only go up.
class CpuWindow {
 public:
  // Seconds over all cores: busy, all, and busy with this process.
  struct Times {
    double busy_s, total_s, own_s;
  };

  // `now` is empty if the counters could not be read.
  Sensed<double> others(const std::optional<Times>& now, double now_s, const std::string& source) {
    if (!now) {
      before_.reset();
      return last_ = Sensed<double>::unknown(source + ": the times cannot be read");
    }
    if (!before_) {
      last_ = Sensed<double>::unknown("needs two readings");
    } else if (now_s - before_s_ < kMinWindowS) {
      return last_;
    } else if (const double total_s = now->total_s - before_->total_s; total_s <= 0) {
      last_ = Sensed<double>::unknown(source + ": the times do not advance");
    } else {
      const double others_s = now->busy_s - before_->busy_s - (now->own_s - before_->own_s);
      last_ = Sensed<double>::of(std::clamp(others_s / total_s, 0.0, 1.0), source + " minus this process");
    }
    before_ = now;
    before_s_ = now_s;
    return last_;
  }

 private:
  static constexpr double kMinWindowS = 0.2;
  std::optional<Times> before_;
  double before_s_ = 0;
  Sensed<double> last_;
};

}  // namespace matcoder
