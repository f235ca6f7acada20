#pragma once

#include <optional>
#include <string>
#include <vector>

#include "linux_files.h"

namespace matcoder {

// The processor time that the groups of this process may use, for example of a container or of a service with a quota:
// cgroups of version 2 (cpu.max, cpu.stat) and version 1 (cpu.cfs_quota_us, cpuacct.usage).
class CpuQuotas {
 public:
  explicit CpuQuotas(const std::string& root);

  struct Use {
    double cores;                  // that the group may use; 0 for no limit
    std::optional<double> used_s;  // used so far by all of its processes
    std::string source;
  };
  // One for each group that had a limit at the construction, always in the same order.
  std::vector<Use> read();

 private:
  struct Group {
    File quota, period, usage;  // in version 2, the file of the quota contains the period
    bool version2;
    double cores();
    std::optional<double> used_s();
  };
  void add(const std::string& mount, std::string path, bool version2);

  std::vector<Group> groups_;
};

}  // namespace matcoder
