#pragma once

#include <optional>
#include <string>
#include <vector>

#include "linux_files.h"

namespace matcoder {

// The processor time that the groups around this process may take: a container, or a service with a quota. The
// kernel's cgroups, version 2 (cpu.max, cpu.stat) and version 1 (cpu.cfs_quota_us, cpuacct.usage).
class CpuQuotas {
 public:
  explicit CpuQuotas(const std::string& root);

  struct Use {
    double cores;                  // what the group may take; 0 for no limit
    std::optional<double> used_s;  // taken so far, by all of its processes
    std::string source;
  };
  // One for each group that had a limit when this was made, in the same order each time.
  std::vector<Use> read();

 private:
  struct Group {
    File quota, period, usage;  // period is within quota in version 2
    bool version2;
    double cores();
    std::optional<double> used_s();
  };
  void add(const std::string& mount, std::string path, bool version2);

  std::vector<Group> groups_;
};

}  // namespace matcoder
