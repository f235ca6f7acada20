#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "linux_files.h"
#include "linux_nvml.h"
#include "sensors.h"

namespace matcoder {

// GPUs: of NVIDIA through their library, of AMD and Intel through files of their drivers.
//
// A laptop's second GPU is suspended while nobody needs it, and each reading would wake it or keep it awake. Therefore
// a suspended GPU is not read, and one that may suspend is read on mains power only.
class Gpus {
 public:
  Gpus(const std::string& root, const std::string& nvml, Clock now_s);

  // Fills gpu; power_source must be filled already.
  void read(Reading& reading);

 private:
  // The power management of a device on the PCI bus (Documentation/ABI/testing/sysfs-devices-power).
  struct Sleep {
    explicit Sleep(const std::string& device);
    // Why the device must not be read now; empty if it may.
    std::string forbids(bool on_mains);
    File control, status, boot_vga;
  };
  struct Card {
    std::string name, driver;
    Sleep sleep;
    File busy, memory_used, memory_total;  // of amdgpu
    std::vector<File> idle_ms;             // of i915 and xe, for each part
    struct Sample {
      double at_s;
      std::vector<int64_t> idle_ms;
      std::optional<double> own_s;
    };
    std::optional<Sample> before;
  };
  // The use of a card by this process, from files of its driver (Documentation/gpu/drm-usage-stats.rst).
  struct Own {
    std::optional<double> busy_s = 0;
    double memory_bytes = 0;
  };
  void add_card(const std::string& folder, const std::string& name);
  Sensed<Gpu> read_card(Card& card, bool on_mains);
  Own own(const std::string& driver) const;

  std::string root_, nvml_name_;
  Clock now_s_;
  std::vector<Card> cards_;
  std::vector<Sleep> nvidia_;
  std::unique_ptr<Nvml> nvml_;
};

}  // namespace matcoder
