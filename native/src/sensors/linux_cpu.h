#pragma once

#include <string>
#include <vector>

#include "linux_files.h"
#include "linux_quota.h"
#include "sensors.h"

namespace matcoder {

// Who else works the processor: /proc/stat of the cores that we may run on, less our own time; or what the other
// processes of a container take of its quota, where that is more. The kernel counts from boot, so a reading is the
// difference to the one before.
class CpuLoad {
 public:
  CpuLoad(const std::string& root, Clock now_s);

  // Fills cpu_busy_by_others and cpu_pressure; within kMinWindowS of the reading before, with the same values again:
  // the kernel counts in hundredths of a second.
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

// "0-3,8" as one flag for each core; empty where it is not such a list.
std::vector<bool> parse_core_list(std::string_view text);

}  // namespace matcoder
