#pragma once

#include <memory>

#include "sensors.h"

namespace matcoder {

// What Windows' performance counters tell of heat and GPUs; rates take two collections.
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
