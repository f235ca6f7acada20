#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sensors.h"

namespace matcoder {

// NVIDIA's management library, loaded at run time: it is not needed to build or to install.
class Nvml {
 public:
  // Loads and initialises it, which may take a second. If that fails, fault() says why and there are no GPUs.
  explicit Nvml(const std::string& library);
  ~Nvml();
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  const std::string& fault() const { return fault_; }

  // Every GPU, without its use by the process `pid`.
  std::vector<Sensed<Gpu>> read(unsigned pid);

 private:
  struct Calls;
  struct Device;
  std::unique_ptr<Calls> calls_;
  std::vector<Device> devices_;
  std::string library_, fault_;
};

}  // namespace matcoder
