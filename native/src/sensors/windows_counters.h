#pragma once

#include <memory>

#include "sensors.h"

namespace matcoder {

// Heat and GPUs from Windows' performance counters; rates need two collections.
class Counters {
 public:
  Counters();
  ~Counters();

  void collect();
  Sensed<Thermal> thermal() const;
  Sensed<Gpu> gpu() const;

 private:
  struct Query;
  std::unique_ptr<Query> query_;
};

}  // namespace matcoder
