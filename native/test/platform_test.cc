// What depends on the processor or on the operating system: instruction sets, the paths of Windows, files.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>

#include "../src/input_file.h"
#include "../src/windows_path.h"
#include "../src/x86_features.h"
#include "check.h"

using matcoder::decode_x86_features;
using matcoder::extended_length_path;
using matcoder::InputFile;
using matcoder::X86Features;
using matcoder::X86Registers;

namespace {

// Intel Sapphire Rapids on Linux.
X86Registers server() {
  X86Registers r;
  r.leaf1_ecx = 1u << 12 | 1u << 27 | 1u << 28 | 1u << 29;  // FMA, OSXSAVE, AVX, F16C
  r.leaf7_ebx = 1u << 5 | 1u << 16 | 1u << 30;              // AVX2, AVX512F, AVX512BW
  r.leaf7_ecx = 1u << 11;                                   // AVX512_VNNI
  r.leaf7_1_eax = 1u << 4;                                  // AVX_VNNI
  r.xcr0 = 0x602e7;
  return r;
}

void test_features() {
  const X86Features all = decode_x86_features(server());
  check(all.avx2 && all.avx_vnni && all.avx512 && all.avx512_vnni, "a server has every instruction set");

  X86Registers r = server();
  r.xcr0 = 0x07;
  X86Features found = decode_x86_features(r);
  check(found.avx2 && found.avx_vnni && !found.avx512 && !found.avx512_vnni,
        "without its state saved, AVX-512 is not used");
  r.xcr0 = 0x03;
  found = decode_x86_features(r);
  check(!found.avx2 && !found.avx_vnni && !found.avx512, "without the state of AVX saved, neither is AVX2");

  r = server();
  r.leaf7_ecx = 0;
  check(decode_x86_features(r).avx512 && !decode_x86_features(r).avx512_vnni, "AVX-512 without VNNI");
  r = server();
  r.leaf7_ebx &= ~(1u << 30);
  check(decode_x86_features(r).avx2 && !decode_x86_features(r).avx512, "AVX-512 needs BW");
  r = server();
  r.leaf7_1_eax = 0;
  check(decode_x86_features(r).avx2 && !decode_x86_features(r).avx_vnni, "AVX2 without VNNI");
  for (const int needed : {12, 28, 29}) {
    r = server();
    r.leaf1_ecx &= ~(1u << needed);
    found = decode_x86_features(r);
    check(!found.avx2 && !found.avx512, "the kernels need bit " + std::to_string(needed) + " of leaf 1");
  }
}

void test_macos_kernels() {
  using matcoder::keeps_avx512_masks;
  for (const char* release : {"21.3.0", "21.10.0", "22.0.0", "100.1.0"})
    check(keeps_avx512_masks(release), std::string("the kernel of macOS keeps its masks: ") + release);
  for (const char* release : {"20.6.0", "21.2.0", "21", "", "unknown"})
    check(!keeps_avx512_masks(release), std::string("the kernel of macOS may damage its masks: ") + release);
}

#if defined(__x86_64__) && defined(__linux__)
// The kernel lists an instruction set only if it saves its registers.
void test_this_processor() {
  std::ifstream info("/proc/cpuinfo");
  std::set<std::string> flags;
  for (std::string line; flags.empty() && std::getline(info, line);) {
    if (line.rfind("flags", 0) != 0) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    for (std::string word; words >> word;) flags.insert(word);
  }
  const auto has = [&](const char* flag) { return flags.count(flag) > 0; };
  check(has("fpu"), "/proc/cpuinfo lists the flags of the processor");
  const bool avx2 = has("avx2") && has("fma") && has("f16c");
  const bool avx512 = avx2 && has("avx512f") && has("avx512bw");
  const X86Features found = matcoder::x86_features();
  check(found.avx2 == avx2, "AVX2 is what /proc/cpuinfo says");
  check(found.avx_vnni == (avx2 && has("avx_vnni")), "AVX-VNNI is what /proc/cpuinfo says");
  check(found.avx512 == avx512, "AVX-512 is what /proc/cpuinfo says");
  check(found.avx512_vnni == (avx512 && has("avx512_vnni")), "AVX-512 VNNI is what /proc/cpuinfo says");
}
#endif

void test_windows_paths() {
  const auto becomes = [](const wchar_t* path, const wchar_t* expected, const char* what) {
    check(extended_length_path(path) == expected, what);
  };
  becomes(LR"(C:\Users\Jürgen Groß\model.bin)", LR"(\\?\C:\Users\Jürgen Groß\model.bin)", "a drive");
  becomes(LR"(c:\model.bin)", LR"(\\?\c:\model.bin)", "a drive in lower case");
  becomes(LR"(\\server\share\model.bin)", LR"(\\?\UNC\server\share\model.bin)", "a UNC path");
  becomes(LR"(\\wsl.localhost\Debian\home)", LR"(\\?\UNC\wsl.localhost\Debian\home)", "a folder of WSL");
  becomes(LR"(\\?\C:\model.bin)", LR"(\\?\C:\model.bin)", "a path with the prefix");
  becomes(LR"(\\?\UNC\server\share\a)", LR"(\\?\UNC\server\share\a)", "a UNC path with the prefix");
  becomes(LR"(\\.\NUL)", LR"(\\.\NUL)", "a device");
  const std::wstring deep(300, L'a');
  check(extended_length_path(L"C:\\" + deep) == LR"(\\?\C:\)" + deep, "a path of more than 260 characters");
}

void test_input_file() {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / fs::u8path(u8"matcoder platform test ä 日本");
  fs::create_directories(folder);
  const std::string path = (folder / fs::u8path(u8"ü 1.bin")).u8string();
  std::ofstream(fs::u8path(path), std::ios::binary) << "0123456789";
  {
    InputFile file(path);
    char four[4];
    check(file.size() == 10, "a file has its size");
    check(file.read(6, four, 4) && std::string(four, 4) == "6789", "its last bytes can be read");
    check(!file.read(7, four, 4), "and none after them");
    check(file.read(0, four, 4) && std::string(four, 4) == "0123", "a failed read does not harm the next");
  }
  fs::remove_all(folder);
  try {
    InputFile file(path);
    check(false, "a missing file is refused");
  } catch (const std::runtime_error& error) {
    const std::string message = error.what();
    check(message.rfind(path + ": cannot be opened: ", 0) == 0 && message.find("No such file") != std::string::npos,
          "a missing file is named with the reason: " + message);
  }
}

}  // namespace

int main() {
  test_features();
  test_macos_kernels();
#if defined(__x86_64__) && defined(__linux__)
  test_this_processor();
#endif
  test_windows_paths();
  test_input_file();
  return report();
}
