{
  "variables": {
    "warnings": ["-Wall", "-Wextra", "-Wno-cast-function-type"],
    # The compiler must not fuse multiply and add by itself, because the instruction sets would differ in the last bit.
    "floats": ["-O3", "-ffp-contract=off", "-fno-math-errno"],
  },
  "target_defaults": {
    "cflags!": ["-fno-exceptions"],
    "cflags_cc!": ["-fno-exceptions", "-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["-std=c++17", "<@(warnings)", "<@(floats)"],
    "xcode_settings": {
      "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
      "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
      "MACOSX_DEPLOYMENT_TARGET": "11.0",
      "OTHER_CPLUSPLUSFLAGS": ["<@(warnings)", "<@(floats)"],
    },
    # The kernels use vector extensions that Microsoft's own compiler does not have.
    "msbuild_toolset": "ClangCL",
    "msvs_settings": {"VCCLCompilerTool": {"ExceptionHandling": 1, "AdditionalOptions": ["/std:c++17", "/fp:precise"]}},
  },
  "targets": [
    {
      "target_name": "matcoder_engine",
      "sources": [
        "src/addon.cc",
        "src/cpu.cc",
        "src/decoding.cc",
        "src/engine.cc",
        "src/forward.cc",
        "src/healing.cc",
        "src/kernels_scalar.cc",
        "src/memory/binding.cc",
        "src/memory/gate.cc",
        "src/memory/matches.cc",
        "src/memory/memory.cc",
        "src/memory/segment.cc",
        "src/model.cc",
        "src/next_token.cc",
        "src/request.cc",
        "src/score_bound.cc",
        "src/sensors/binding.cc",
        "src/speculation.cc",
        "src/thread_pool.cc",
      ],
      "include_dirs": ["<!@(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL", "NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED"],
      "conditions": [
        [
          "OS=='linux'",
          {
            "sources": [
              "src/sensors/linux.cc",
              "src/sensors/linux_cpu.cc",
              "src/sensors/linux_files.cc",
              "src/sensors/linux_gpu.cc",
              "src/sensors/linux_heat.cc",
              "src/sensors/linux_nvml.cc",
              "src/sensors/linux_power.cc",
              "src/sensors/linux_quota.cc",
              "src/sensors/linux_uevents.cc",
            ],
            "libraries": ["-ldl"],
          },
        ],
        [
          "OS=='mac'",
          {
            "sources": ["src/sensors/macos.mm"],
            "xcode_settings": {"CLANG_ENABLE_OBJC_ARC": "YES"},
            "link_settings": {"libraries": ["-framework CoreFoundation", "-framework Foundation", "-framework IOKit"]},
          },
        ],
        [
          "OS=='win'",
          {
            "sources": ["src/sensors/windows.cc", "src/sensors/windows_counters.cc"],
            "libraries": ["-ldxgi.lib", "-lpdh.lib", "-lpowrprof.lib"],
          },
        ],
        ["OS not in ['linux', 'mac', 'win']", {"sources": ["src/sensors/other.cc"]}],
        ["target_arch=='x64' and OS!='win'", {"dependencies": ["kernels_avx2", "kernels_avxvnni", "kernels_avx512", "kernels_avx512vnni"]}],
        ["target_arch=='arm64' and OS!='win'", {"dependencies": ["kernels_neon"]}],
      ],
    },
  ],
  "conditions": [
    [
      "target_arch=='x64' and OS!='win'",
      {
        # Each is a library of its own, so that only its file may use the instructions.
        "targets": [
          {
            "target_name": "kernels_avx2",
            "type": "static_library",
            "sources": ["src/kernels_avx2.cc"],
            "cflags_cc": ["-mavx2", "-mf16c", "-mfma"],
            "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["-mavx2", "-mf16c", "-mfma"]},
          },
          {
            "target_name": "kernels_avxvnni",
            "type": "static_library",
            "sources": ["src/kernels_avx2.cc"],
            "cflags_cc": ["-mavx2", "-mf16c", "-mfma", "-mavxvnni"],
            "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["-mavx2", "-mf16c", "-mfma", "-mavxvnni"]},
          },
          {
            "target_name": "kernels_avx512",
            "type": "static_library",
            "sources": ["src/kernels_avx512.cc"],
            "cflags_cc": ["-mavx512f", "-mavx512bw", "-mprefer-vector-width=512"],
            "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["-mavx512f", "-mavx512bw", "-mprefer-vector-width=512"]},
          },
          {
            "target_name": "kernels_avx512vnni",
            "type": "static_library",
            "sources": ["src/kernels_avx512.cc"],
            "cflags_cc": ["-mavx512f", "-mavx512bw", "-mprefer-vector-width=512", "-mavx512vnni"],
            "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["-mavx512f", "-mavx512bw", "-mprefer-vector-width=512", "-mavx512vnni"]},
          },
        ]
      },
    ],
    [
      "target_arch=='arm64' and OS!='win'",
      {
        "targets": [
          {
            "target_name": "kernels_neon",
            "type": "static_library",
            "sources": ["src/kernels_neon.cc"],
            "cflags_cc": ["-march=armv8.2-a+dotprod"],
            "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["-march=armv8.2-a+dotprod"]},
          },
        ]
      },
    ],
  ],
}
