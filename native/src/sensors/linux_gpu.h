#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "linux_files.h"
#include "linux_nvml.h"
#include "sensors.h"

namespace matcoder {

// Graphics processors: NVIDIA's by their library, AMD's and Intel's by files of their drivers.
//
// A laptop's second GPU sleeps while nobody needs it, and each question would wake it or keep it awake: one that sleeps
// is left alone, and one that may sleep is asked on mains alone.
class Gpus {
 public:
  Gpus(const std::string& root, const std::string& nvml, Clock now_s);

  // Fills gpu; power_source has to be filled before.
  void read(Reading& reading);

 private:
  // The power management of a device on the PCI bus (Documentation/ABI/testing/sysfs-devices-power).
  struct Sleep {
    explicit Sleep(const std::string& device);
    // Why the device must not be asked now; empty where it may.
    std::string forbids(bool on_mains);
    File control, status, boot_vga;
  };
  struct Card {
    std::string name, driver;
    Sleep sleep;
    File busy, memory_used, memory_total;  // amdgpu's
    std::vector<File> idle_ms;             // i915's and xe's, for each of its parts
    struct Sample {
      double at_s;
      std::vector<int64_t> idle_ms;
      std::optional<double> own_s;
    };
    std::optional<Sample> before;
  };
  // What this process takes of a card, by the files that its driver writes of us
  // (Documentation/gpu/drm-usage-stats.rst).
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
