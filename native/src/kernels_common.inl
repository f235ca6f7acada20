// All kernels except the integer sums, in plain C++ with 16 lanes; compiled once per instruction set with its flags.
// The including file defines first:
//   panel_sums<T, P>(...)      the integer sums of P panels for T vectors
//   group_sums<T, P, F>(...)   those of one group of columns of a matrix of the form F
//   kWidth, Vector             floats of one register, and these
//   multiply_add               a * x + sum, rounded once
//   from_half, to_half16       float16 to the floats of a register, and sixteen floats back
// No C++ standard header may be included here: the linker could take an inline function that was compiled with AVX for
// the scalar path. Loops go over registers, not lanes, because the compiler does not vectorise a loop over lanes unless
// its body is simple.

static inline Vector load(const float* x) {
  Vector v;
  __builtin_memcpy(&v, x, sizeof v);
  return v;
}

static inline void store(float* x, Vector v) { __builtin_memcpy(x, &v, sizeof v); }

static inline Vector larger(Vector a, Vector b) { return a > b ? a : b; }

// 1.5 * 2^23. A small number plus this is rounded to an integer, which then stands in the lowest bits: unlike a
// conversion, that is defined for every value.
constexpr float kRound = 12582912.0f;
constexpr int32_t kRoundBits = 0x4b400000;

static inline Vector exp_of(Vector x) {
  // exp(x) = 2^n * e^r, r in [-ln2/2, ln2/2], e^r by its Taylor series to r^6: relative error below 2e-7. NaN stays
  // NaN.
  typedef uint32_t Bits __attribute__((vector_size(4 * kWidth)));
  const Vector least = Vector{} - 87.0f, most = Vector{} + 88.0f;
  x = x < least ? least : (x > most ? most : x);
  const Vector shifted = x * 1.44269504f + kRound;
  const Vector n = shifted - kRound;
  const Vector r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
  Vector p = Vector{} + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * (Vector)(((Bits)shifted + 127) << 23);  // n is in the lowest bits of `shifted`, see kRound
}

// Lanes are added pairwise, in one order for all instruction sets.
static inline float sum_lanes(const float* lanes) {
  float s8[8], s4[4];
  for (int i = 0; i < 8; i++) s8[i] = lanes[i] + lanes[i + 8];
  for (int i = 0; i < 4; i++) s4[i] = s8[i] + s8[i + 4];
  return (s4[0] + s4[2]) + (s4[1] + s4[3]);
}

static inline float max_lanes(const float* lanes) {
  float m = lanes[0];
  for (int i = 1; i < kLanes; i++) m = lanes[i] > m ? lanes[i] : m;
  return m;
}

static void rms_norm(const float* x, const float* weight, int n, float eps, float* out) {
  float lanes[kLanes] = {0};
  for (int i = 0; i < n; i += kLanes)
    for (int l = 0; l < kLanes; l++) lanes[l] += x[i + l] * x[i + l];
  const float mean = sum_lanes(lanes) / (float)n + eps;
  // An overflow must not pass for zeros: it becomes NaN.
  const float scale = mean <= __FLT_MAX__ ? 1.0f / __builtin_sqrtf(mean) : __builtin_nanf("");
  for (int i = 0; i < n; i++) out[i] = x[i] * scale * weight[i];
}

// Symmetric int8 with one scale.
static inline void quantise_run(const float* x, int n, int8_t* values, float* scale, int32_t* values_sum) {
  // The largest magnitude, found by the bits: they are ordered like the numbers, with infinity and NaN above all.
  int32_t lanes[kLanes] = {0};
  for (int i = 0; i < n; i += kLanes)
    for (int l = 0; l < kLanes; l++) {
      int32_t bits;
      __builtin_memcpy(&bits, x + i + l, 4);
      bits &= 0x7fffffff;
      lanes[l] = bits > lanes[l] ? bits : lanes[l];
    }
  int32_t largest_bits = lanes[0];
  for (int l = 1; l < kLanes; l++) largest_bits = lanes[l] > largest_bits ? lanes[l] : largest_bits;
  float largest;
  __builtin_memcpy(&largest, &largest_bits, 4);

  if (!(largest <= __FLT_MAX__)) {
    for (int i = 0; i < n; i++) values[i] = 0;
    *scale = __builtin_nanf("");
    *values_sum = 0;
    return;
  }
  const float inverse = largest >= kLeastQuantised ? 127.0f / largest : 0.0f;
  int32_t sums[kLanes] = {0};
  for (int i = 0; i < n; i += kLanes)
    for (int l = 0; l < kLanes; l++) {
      const float rounded = x[i + l] * inverse + kRound;
      int32_t q;
      __builtin_memcpy(&q, &rounded, 4);
      q -= kRoundBits;
      values[i + l] = (int8_t)q;
      sums[l] += q;
    }
  int32_t sum = 0;
  for (int l = 0; l < kLanes; l++) sum += sums[l];
  *scale = largest / 127.0f;
  *values_sum = sum;
}

static void quantise(const float* x, int n, const Activations& a, int t) {
  quantise_run(x, n, a.values + t * a.stride, a.scales + t, a.sums + t);
}

static void quantise_groups(const float* x, int n, const Activations& a, int t) {
  for (int i = 0; i < n; i += kGroup) {
    const size_t g = t * a.scale_stride + i / kGroup;
    quantise_run(x + i, kGroup, a.values + t * a.stride + i, a.scales + g, a.sums + g);
  }
}

static void to_half(const float* x, int n, uint16_t* out) {
  for (int i = 0; i < n; i += kLanes) {
    float clamped[kLanes];
    for (int l = 0; l < kLanes; l++) {
      const float v = x[i + l] < -65504.0f ? -65504.0f : x[i + l];
      clamped[l] = v > 65504.0f ? 65504.0f : v;
    }
    to_half16(clamped, out + i);
  }
}

// How many lanes of a block of positions are before the position `end`.
static inline int lanes_of(int block, int end) {
  const int left = end - block * kLanes;
  return left < 0 ? 0 : (left < kLanes ? left : kLanes);
}

// Scores of R queries with 16 keys: dots[r, l]. There are four sums, because each addition to one must wait for the
// last.
template <int R>
static inline void dot_products(const Query* queries, const uint16_t* block, int head_dim, float (*dots)[kLanes]) {
  for (int l = 0; l < kLanes; l += kWidth) {
    Vector sums[R][4] = {};
    for (int d = 0; d < head_dim; d += 4)
      for (int j = 0; j < 4; j++) {
        const Vector column = from_half(block + (d + j) * kLanes + l);
        for (int r = 0; r < R; r++) sums[r][j] = multiply_add(queries[r].q[d + j], column, sums[r][j]);
      }
    for (int r = 0; r < R; r++) store(dots[r] + l, (sums[r][0] + sums[r][1]) + (sums[r][2] + sums[r][3]));
  }
}

// A query that shares the pass with a longer one adds zero times a finite value for positions after its own. The order
// of additions does not depend on how many queries share the pass, so each gives the bits that it gives alone.
template <int Q>
static void attend(const Query* queries, const uint16_t* keys, const uint16_t* values, int head_dim, float scale,
                   float* scores, size_t stride) {
  constexpr int kTile = 32;     // positions whose values stay in the first-level cache while all their columns are read
  constexpr int kColumns = 64;  // columns that are summed together
  constexpr int kTogether = kWidth < 16 && Q > 2 ? 2 : Q;  // queries whose sums fit into the registers
  static_assert(Q % kTogether == 0 || Q == 3, "queries come in pairs");
  int positions = 0;
  for (int r = 0; r < Q; r++) positions = queries[r].positions > positions ? queries[r].positions : positions;
  const int blocks = (positions + kLanes - 1) / kLanes;

  float largest[Q][kLanes];
  for (int r = 0; r < Q; r++)
    for (int l = 0; l < kLanes; l++) largest[r][l] = -1e30f;
  for (int b = 0; b < blocks; b++) {
    const uint16_t* block = keys + (size_t)b * head_dim * kLanes;  // [head_dim, 16]
    float dots[Q][kLanes];
    int first = 0;
    for (; first + kTogether <= Q; first += kTogether)
      dot_products<kTogether>(queries + first, block, head_dim, dots + first);
    for (; first < Q; first++) dot_products<1>(queries + first, block, head_dim, dots + first);
    for (int r = 0; r < Q; r++) {
      for (int l = lanes_of(b, queries[r].positions); l < kLanes; l++) dots[r][l] = -1e30f;
      for (int l = 0; l < kLanes; l += kWidth) {
        const Vector score = load(dots[r] + l) * scale;
        store(scores + r * stride + b * kLanes + l, score);
        store(largest[r] + l, larger(score, load(largest[r] + l)));
      }
    }
  }

  float inverse[Q];
  for (int r = 0; r < Q; r++) {
    const float top = max_lanes(largest[r]);
    float* row = scores + r * stride;
    float sums[kLanes] = {0};
    for (int b = 0; b < blocks; b++) {
      float* e = row + b * kLanes;
      for (int l = 0; l < kLanes; l += kWidth) store(e + l, exp_of(load(e + l) - top));
      for (int l = lanes_of(b, queries[r].positions); l < kLanes; l++) e[l] = 0;
      for (int l = 0; l < kLanes; l += kWidth) store(sums + l, load(sums + l) + load(e + l));
    }
    inverse[r] = 1.0f / sum_lanes(sums);
  }

  for (int from = 0; from < head_dim; from += kColumns) {
    const int columns = head_dim - from < kColumns ? head_dim - from : kColumns;
    Vector sums[Q][kColumns / kWidth][2] = {};
    for (int tile = 0; tile < positions; tile += kTile) {
      const int end = tile + kTile < positions ? tile + kTile : positions;
      for (int c = 0; c < columns; c += kWidth) {
        const uint16_t* column = values + from + c;
        Vector even[Q], odd[Q];
        for (int r = 0; r < Q; r++) {
          even[r] = sums[r][c / kWidth][0];
          odd[r] = sums[r][c / kWidth][1];
        }
        int i = tile;
        for (; i + 2 <= end; i += 2) {
          const Vector here = from_half(column + (size_t)i * head_dim);
          const Vector there = from_half(column + (size_t)(i + 1) * head_dim);
          for (int r = 0; r < Q; r++) {
            even[r] = multiply_add(scores[r * stride + i], here, even[r]);
            odd[r] = multiply_add(scores[r * stride + i + 1], there, odd[r]);
          }
        }
        if (i < end) {
          const Vector here = from_half(column + (size_t)i * head_dim);
          for (int r = 0; r < Q; r++) even[r] = multiply_add(scores[r * stride + i], here, even[r]);
        }
        for (int r = 0; r < Q; r++) {
          sums[r][c / kWidth][0] = even[r];
          sums[r][c / kWidth][1] = odd[r];
        }
      }
    }
    for (int r = 0; r < Q; r++)
      for (int c = 0; c < columns; c += kWidth)
        store(queries[r].out + from + c, (sums[r][c / kWidth][0] + sums[r][c / kWidth][1]) * inverse[r]);
  }
}

static void attention(const Query* queries, int count, const uint16_t* keys, const uint16_t* values, int head_dim,
                      float scale, float* scores, size_t stride) {
  switch (count) {
    case 1:
      return attend<1>(queries, keys, values, head_dim, scale, scores, stride);
    case 2:
      return attend<2>(queries, keys, values, head_dim, scale, scores, stride);
    case 3:
      return attend<3>(queries, keys, values, head_dim, scale, scores, stride);
    case 4:
      return attend<4>(queries, keys, values, head_dim, scale, scores, stride);
  }
}

static void silu_product(const float* gate_up, int n, float* out) {
  for (int i = 0; i < n; i += kLanes)
    for (int l = 0; l < kLanes; l += kWidth) {
      const Vector gate = load(gate_up + 2 * i + l), up = load(gate_up + 2 * i + kLanes + l);
      store(out + i + l, gate / (1.0f + exp_of(-gate)) * up);
    }
}

static int most_likely(const float* logits, int n, float* probability) {
  // Each lane keeps its largest and where that first was, so that one pass finds both.
  typedef int32_t Integers __attribute__((vector_size(4 * kWidth)));
  constexpr int kParts = kLanes / kWidth;
  Vector largest[kParts];
  Integers first[kParts] = {};
  for (int p = 0; p < kParts; p++) largest[p] = load(logits + p * kWidth);
  for (int i = kLanes; i < n; i += kLanes)
    for (int p = 0; p < kParts; p++) {
      const Vector x = load(logits + i + p * kWidth);
      const Integers is_larger = x > largest[p];
      largest[p] = is_larger ? x : largest[p];
      first[p] = is_larger ? Integers{} + i : first[p];
    }
  float lanes[kLanes];
  int32_t places[kLanes];
  for (int p = 0; p < kParts; p++) store(lanes + p * kWidth, largest[p]);
  __builtin_memcpy(places, first, sizeof places);
  const float top = max_lanes(lanes);
  int best = n - 1;
  for (int l = 0; l < kLanes; l++)
    if (lanes[l] == top && places[l] + l < best) best = places[l] + l;
  Vector sums[kParts] = {};
  for (int i = 0; i < n; i += kLanes)
    for (int p = 0; p < kParts; p++) sums[p] += exp_of(load(logits + i + p * kWidth) - top);
  for (int p = 0; p < kParts; p++) store(lanes + p * kWidth, sums[p]);
  *probability = 1.0f / sum_lanes(lanes);
  return best;
}

template <int T, int P>
static void panel_products(const Matrix& w, int k, int panel, const Activations& a, int t, int terms, float* out,
                           size_t out_stride) {
  int32_t sums[P * T * kLanes];
  const size_t panel_bytes = (size_t)w.block_k * kLanes;
  const size_t block_bytes = panel_bytes * (w.rows / kLanes);
  panel_sums<T, P>(w.data + panel * panel_bytes, panel_bytes, block_bytes, w.block_k, k, a.values + t * a.stride,
                   a.stride, a.sums + t, sums);
  for (int p = 0; p < P; p++) {
    const float* scales = w.scales + (panel + p) * kLanes;
    for (int i = 0; i < T; i += terms) {
      const int32_t* first = sums + (p * T + i) * kLanes;
      float* row = out + (size_t)((t + i) / terms) * out_stride + (panel + p) * kLanes;
      const float scale = a.scales[t + i];
      if (T == 1 || terms == 1) {
        for (int l = 0; l < kLanes; l++) row[l] = (float)first[l] * (scales[l] * scale);
      } else {
        const float rest = a.scales[t + i + 1];
        for (int l = 0; l < kLanes; l++)
          row[l] = (float)first[l] * (scales[l] * scale) + (float)first[kLanes + l] * (scales[l] * rest);
      }
    }
  }
}

// Of a matrix in groups: the sum of each group is exact and then joins the total, which is float32 and rounded in the
// order of the groups. Multiply and add are fused, on every instruction set.
template <int T, int P, Form F>
static inline void group_products(const Matrix& w, int k, int panel, const Activations& a, int t, float* out,
                                  size_t out_stride) {
  constexpr int kParts = kLanes / kWidth;
  constexpr size_t kBytes = group_bytes(F);
  typedef int32_t Integers __attribute__((vector_size(4 * kWidth)));
  const size_t all_groups = w.k / kGroup, panel_bytes = all_groups * kBytes;
  const int groups = k / kGroup;
  const uint8_t* data = w.data + panel * panel_bytes;
  const size_t first_scale = panel * all_groups * kLanes;
  Vector totals[P * T * kParts] = {};
  for (int g = 0; g < groups; g++) {
    const uint8_t* ahead = data + g * kBytes + fetch_distance(g, groups, kBytes, P * panel_bytes);
    const float* scales = a.scales + t * a.scale_stride + g;
    const int32_t* value_sums = a.sums + t * a.scale_stride + g;
    int32_t sums[P * T * kLanes];
    group_sums<T, P, F>(data + g * kBytes, panel_bytes, ahead, a.values + t * a.stride + g * kGroup, a.stride,
                        value_sums, a.scale_stride, sums);
    for (int p = 0; p < P; p++)
      for (int part = 0; part < kParts; part++) {
        const size_t at = first_scale + (p * all_groups + g) * kLanes + part * kWidth;
        const Vector scale = from_half(w.group_scales + at);
        const Vector minimum = F == Form::kGroups4Min ? from_half(w.group_minimums + at) : Vector{};
        for (int i = 0; i < T; i++) {
          Integers integers;
          __builtin_memcpy(&integers, sums + (p * T + i) * kLanes + part * kWidth, sizeof integers);
          const Vector product = __builtin_convertvector(integers, Vector) * scale;
          Vector& total = totals[(p * T + i) * kParts + part];
          const float step = scales[i * a.scale_stride];
          total = multiply_add(step, product, total);
          if (F == Form::kGroups4Min)
            total = multiply_add(step * (float)value_sums[i * a.scale_stride], minimum, total);
        }
      }
  }
  for (int p = 0; p < P; p++)
    for (int i = 0; i < T; i++)
      for (int part = 0; part < kParts; part++)
        store(out + (t + i) * out_stride + (panel + p) * kLanes + part * kWidth, totals[(p * T + i) * kParts + part]);
}

template <int P, Form F>
static void group_panels(const Matrix& w, int k, int panel, const Activations& a, int count, float* out,
                         size_t out_stride) {
  int t = 0;
  for (; t + 4 <= count; t += 4) group_products<4, P, F>(w, k, panel, a, t, out, out_stride);
  for (; t + 2 <= count; t += 2) group_products<2, P, F>(w, k, panel, a, t, out, out_stride);
  for (; t < count; t++) group_products<1, P, F>(w, k, panel, a, t, out, out_stride);
}

template <Form F>
static void product_in_groups(const Matrix& w, int k, int first_panel, int last_panel, const Activations& a, int count,
                              float* out, size_t out_stride) {
  int panel = first_panel;
  if (count < 4)
    for (; panel + 4 <= last_panel; panel += 4) group_panels<4, F>(w, k, panel, a, count, out, out_stride);
  for (; panel + 2 <= last_panel; panel += 2) group_panels<2, F>(w, k, panel, a, count, out, out_stride);
  for (; panel < last_panel; panel++) group_panels<1, F>(w, k, panel, a, count, out, out_stride);
}

// P panels at a time, with up to eight vectors each: both kinds of operand are loaded once for several uses.
template <int P>
static void panels(const Matrix& w, int k, int panel, const Activations& a, int count, int terms, float* out,
                   size_t out_stride) {
  int t = 0;
  for (; t + 8 <= count; t += 8) panel_products<8, P>(w, k, panel, a, t, terms, out, out_stride);
  for (; t + 4 <= count; t += 4) panel_products<4, P>(w, k, panel, a, t, terms, out, out_stride);
  if (t + 3 == count && terms == 1) return panel_products<3, P>(w, k, panel, a, t, 1, out, out_stride);
  for (; t + 2 <= count; t += 2) panel_products<2, P>(w, k, panel, a, t, terms, out, out_stride);
  for (; t < count; t++) panel_products<1, P>(w, k, panel, a, t, terms, out, out_stride);
}

static void product(const Matrix& w, int k, int first_panel, int last_panel, const Activations& a, int count, int terms,
                    float* out, size_t out_stride) {
  switch (w.form) {
    case Form::kRows:
      break;
    case Form::kGroups8:
      return product_in_groups<Form::kGroups8>(w, k, first_panel, last_panel, a, count, out, out_stride);
    case Form::kGroups4:
      return product_in_groups<Form::kGroups4>(w, k, first_panel, last_panel, a, count, out, out_stride);
    case Form::kGroups4Min:
      return product_in_groups<Form::kGroups4Min>(w, k, first_panel, last_panel, a, count, out, out_stride);
  }
  int panel = first_panel;
  if (count < 8)  // four panels and eight vectors would not leave enough registers
    for (; panel + 4 <= last_panel; panel += 4) panels<4>(w, k, panel, a, count, terms, out, out_stride);
  for (; panel + 2 <= last_panel; panel += 2) panels<2>(w, k, panel, a, count, terms, out, out_stride);
  for (; panel < last_panel; panel++) panels<1>(w, k, panel, a, count, terms, out, out_stride);
}
