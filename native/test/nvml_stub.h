#pragma once

// What the stand-in for NVIDIA's library answers; the test finds it with stub_nvml() of the loaded library.
struct StubNvml {
  bool init_fails = false;
  bool lost = false;        // no question about the GPUs is answered
  bool no_samples = false;  // the load of single processes is not known
  unsigned busy_percent = 0;
  unsigned own_pid = 0;  // 0: we do not use the GPU
  unsigned own_percent = 0;
  unsigned long long own_bytes = 0;
  int open = 0;  // initialised and not shut down
};
