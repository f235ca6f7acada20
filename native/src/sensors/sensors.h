#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace matcoder {

// A value and its source; or no value, and the reason.
template <typename T>
struct Sensed {
  std::optional<T> value;
  std::string note = "not available on this system";

  static Sensed of(T value, std::string source) { return {std::move(value), std::move(source)}; }
  static Sensed unknown(std::string why) { return {std::nullopt, std::move(why)}; }
};

enum class PowerSource { kMains, kBattery };

// Normal; fans run; the processor is throttled; the temperature is critical.
enum class Thermal { kNominal, kFair, kSerious, kCritical };

struct Gpu {
  std::string name;
  std::optional<double> busy_by_others;  // share of the time
  std::optional<double> memory_used_by_others_bytes, memory_bytes;
};

// The state of the machine, without our own work. Shares are from 0 to 1.
struct Reading {
  Sensed<PowerSource> power_source;
  Sensed<double> charge_share;     // of all batteries together
  Sensed<double> discharge_watts;  // negative while they charge
  Sensed<bool> low_power;
  Sensed<Thermal> thermal;
  Sensed<double> cpu_busy_by_others;  // share of the processor time that we may use, since the previous reading
  Sensed<double> cpu_pressure;        // share of the time in which some task waited, since the previous reading
  Sensed<Gpu> gpu;                    // the GPU with the most memory
  Sensed<double> energy_joules;       // of the processor's packages, since the sensors were opened
};

// A monotonic clock, in seconds.
using Clock = std::function<double()>;
inline double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct SensorOptions {
  // On Linux: the folder of sys/ and proc/, with a slash; and NVIDIA's library, empty for none.
  std::string root = "/";
  std::string nvml = "libnvidia-ml.so.1";
  Clock now_s = steady_seconds;
};

// The sensors of one machine. A reading has no value for what cannot be read.
class Sensors {
 public:
  virtual ~Sensors() = default;

  // Reads everything, in well under a millisecond of processor time. Starts no process.
  virtual Reading read() = 0;

  // Returns true when the system announces a change, for example of the power source; false after `timeout` or
  // interrupt().
  virtual bool wait(std::chrono::milliseconds timeout) = 0;

  // From another thread: ends a wait, or the next one.
  virtual void interrupt() = 0;
};

// The sensors of this system.
std::unique_ptr<Sensors> open_sensors(const SensorOptions& options);

}  // namespace matcoder
