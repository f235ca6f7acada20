#pragma once

#include <string>
#include <vector>

#include "linux_files.h"
#include "linux_quota.h"
#include "sensors.h"

namespace matcoder {

// The processor time that others take: /proc/stat of the cores that we may run on, minus our own time; or, if that is
// more, the part of a container's quota that its other processes take. The kernel counts from boot, so a reading is the
// difference from the previous one.
class CpuLoad {
 public:
  CpuLoad(const std::string& root, Clock now_s);

  // Fills cpu_busy_by_others and cpu_pressure. Within kMinWindowS of the previous reading the values stay the same,
  // because the kernel counts in hundredths of a second.
  void read(Reading& reading);

  static constexpr double kMinWindowS = 0.2;

 private:
  struct Sample {
    double at_s = 0;
    // Seconds of processor time over all cores.
    Sensed<double> own, busy, total;
    // Seconds in which some task waited.
    Sensed<double> waited;
    std::vector<CpuQuotas::Use> quotas;
  };
  Sample sample();
  void read_cores(Sample& sample);
  Sensed<double> cores_by_others(const Sample& now) const;
  Sensed<double> quota_by_others(const Sample& now) const;

  Clock now_s_;
  File stat_, own_stat_, own_status_, pressure_;
  CpuQuotas quotas_;
  Sample before_;
  Sensed<double> busy_by_others_, cpu_pressure_;
};

// "0-3,8" as one flag for each core; empty if the text is not such a list.
std::vector<bool> parse_core_list(std::string_view text);

}  // namespace matcoder
