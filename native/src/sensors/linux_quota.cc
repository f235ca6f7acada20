#include "linux_quota.h"

#include <utility>

namespace matcoder {

CpuQuotas::CpuQuotas(const std::string& root) {
  const auto text = File(root + "proc/self/cgroup").read();
  if (!text) return;
  const std::string mount = root + "sys/fs/cgroup";
  std::string_view rest = *text;
  // "0::/path" in version 2, "4:cpu,cpuacct:/path" in version 1.
  for (std::string_view line; next_line(rest, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string controllers(line.substr(first + 1, second - first - 1));
    const std::string path(line.substr(second + 1));
    if (controllers.empty()) {
      add(mount, path, true);
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      add(mount + "/" + controllers, path, false);
    }
  }
}

// The group and all groups that contain it, because each may have a limit. In a container, the mount may begin at the
// container's group although the path is relative to the machine's.
void CpuQuotas::add(const std::string& mount, std::string path, bool version2) {
  if (path == "/") path.clear();
  for (;;) {
    const std::string folder = mount + path + "/";
    // The accounting of version 1 has a mount of its own, which on most systems is the same as the processor's.
    Group group = version2 ? Group{File(folder + "cpu.max"), File(""), File(folder + "cpu.stat"), true}
                           : Group{File(folder + "cpu.cfs_quota_us"), File(folder + "cpu.cfs_period_us"),
                                   File(folder + "cpuacct.usage"), false};
    if (group.cores() > 0 && group.used_s()) groups_.push_back(std::move(group));
    if (path.empty()) return;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

double CpuQuotas::Group::cores() {
  const auto text = quota.read();
  if (!text) return 0;
  std::string_view rest = *text;
  const auto quota_us = parse_integer(next_word(rest));  // "max" and -1 mean no limit
  const auto period_us = version2 ? parse_integer(next_word(rest)) : period.read_integer();
  if (!quota_us || !period_us || *quota_us <= 0 || *period_us <= 0) return 0;
  return static_cast<double>(*quota_us) / static_cast<double>(*period_us);
}

std::optional<double> CpuQuotas::Group::used_s() {
  const auto text = usage.read();
  if (!text) return std::nullopt;
  std::string_view rest = *text;
  if (!version2) {
    const auto ns = parse_integer(rest);
    return ns && *ns >= 0 ? std::optional(*ns * 1e-9) : std::nullopt;
  }
  for (std::string_view line; next_line(rest, line);) {
    if (next_word(line) != "usage_usec") continue;
    const auto us = parse_integer(next_word(line));
    return us && *us >= 0 ? std::optional(*us * 1e-6) : std::nullopt;
  }
  return std::nullopt;
}

std::vector<CpuQuotas::Use> CpuQuotas::read() {
  std::vector<Use> uses;
  for (Group& group : groups_) uses.push_back({group.cores(), group.used_s(), group.quota.path()});
  return uses;
}

}  // namespace matcoder
