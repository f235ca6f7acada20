// Everything but the integer product, in plain C++ with 16 lanes; compiled once per instruction set with its flags.
// The including file defines before:
//   panel_sums<T, P>(...)      the integer sums of P panels for T vectors
//   from_half16, to_half16     sixteen float16 to floats and back
//   multiply_add               sum += a * x in sixteen lanes, rounded once
// No C++ standard header here: an inline function of one compiled with AVX could be linked into the scalar path.

static inline float exp_lane(float x) {
  // exp(x) = 2^n * e^r, r in [-ln2/2, ln2/2], e^r by its Taylor series to r^6: relative error below 2e-7.
  x = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  const float shifted = x * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: the sum rounds to an integer
  const float n = shifted - 12582912.0f;
  const float r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
  float p = 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const int32_t bits = ((int32_t)n + 127) << 23;
  float power;
  __builtin_memcpy(&power, &bits, 4);
  return p * power;
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
  const float scale = 1.0f / __builtin_sqrtf(sum_lanes(lanes) / (float)n + eps);
  for (int i = 0; i < n; i++) out[i] = x[i] * scale * weight[i];
}

static void quantise(const float* x, int n, const Activations& a, int t) {
  float lanes[kLanes] = {0};
  for (int i = 0; i < n; i += kLanes)
    for (int l = 0; l < kLanes; l++) {
      const float magnitude = x[i + l] < 0 ? -x[i + l] : x[i + l];
      lanes[l] = magnitude > lanes[l] ? magnitude : lanes[l];
    }
  const float largest = max_lanes(lanes);
  const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
  int8_t* values = a.values + t * a.stride;
  int32_t sums[kLanes] = {0};
  for (int i = 0; i < n; i += kLanes)
    for (int l = 0; l < kLanes; l++) {
      const int32_t q = (int32_t)((x[i + l] * inverse + 12582912.0f) - 12582912.0f);
      values[i + l] = (int8_t)q;
      sums[l] += q;
    }
  int32_t sum = 0;
  for (int l = 0; l < kLanes; l++) sum += sums[l];
  a.scales[t] = largest / 127.0f;
  a.sums[t] = sum;
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

// A query adds nothing for positions behind its own, where another still reads: zero times a finite value. The order of
// additions does not depend on how many share the pass, so each gives the bits that it gives alone.
template <int Q>
static void attend(const Query* queries, const uint16_t* keys, const uint16_t* values, int head_dim, float* scores,
                   size_t stride) {
  constexpr int kTile = 32;    // positions whose values stay close while all their columns are read
  constexpr int kColumns = 4;  // runs of 16 columns that are summed up together
  const float scale = 1.0f / __builtin_sqrtf((float)head_dim);
  int positions = 0;
  for (int r = 0; r < Q; r++) positions = queries[r].positions > positions ? queries[r].positions : positions;
  const int blocks = (positions + kLanes - 1) / kLanes;

  float largest[Q][kLanes];
  for (int r = 0; r < Q; r++)
    for (int l = 0; l < kLanes; l++) largest[r][l] = -1e30f;
  for (int b = 0; b < blocks; b++) {
    const uint16_t* block = keys + (size_t)b * head_dim * kLanes;  // [head_dim, 16]
    // Four sums, for one would wait for itself at every step.
    Lanes sums[Q][4] = {};
    for (int d = 0; d < head_dim; d += 4)
      for (int j = 0; j < 4; j++) {
        Lanes column;
        from_half16(block + (d + j) * kLanes, &column);
        for (int r = 0; r < Q; r++) multiply_add(&sums[r][j], queries[r].q[d + j], column);
      }
    for (int r = 0; r < Q; r++) {
      const Lanes dots = (sums[r][0] + sums[r][1]) + (sums[r][2] + sums[r][3]);
      for (int l = 0; l < kLanes; l++) {
        const float score = b * kLanes + l < queries[r].positions ? dots[l] * scale : -1e30f;
        scores[r * stride + b * kLanes + l] = score;
        largest[r][l] = score > largest[r][l] ? score : largest[r][l];
      }
    }
  }

  float inverse[Q];
  for (int r = 0; r < Q; r++) {
    const float top = max_lanes(largest[r]);
    float* row = scores + r * stride;
    float sums[kLanes] = {0};
    for (int b = 0; b < blocks; b++)
      for (int l = 0; l < kLanes; l++) {
        const int i = b * kLanes + l;
        const float e = i < queries[r].positions ? exp_lane(row[i] - top) : 0.0f;
        row[i] = e;
        sums[l] += e;
      }
    inverse[r] = 1.0f / sum_lanes(sums);
  }

  for (int first = 0; first < head_dim; first += kColumns * kLanes) {
    const int columns = head_dim - first < kColumns * kLanes ? (head_dim - first) / kLanes : kColumns;
    Lanes sums[Q][kColumns][2] = {};
    for (int tile = 0; tile < positions; tile += kTile) {
      const int end = tile + kTile < positions ? tile + kTile : positions;
      for (int c = 0; c < columns; c++) {
        const uint16_t* column = values + first + c * kLanes;
        Lanes even[Q], odd[Q];
        for (int r = 0; r < Q; r++) {
          even[r] = sums[r][c][0];
          odd[r] = sums[r][c][1];
        }
        int i = tile;
        for (; i + 2 <= end; i += 2) {
          Lanes here, there;
          from_half16(column + (size_t)i * head_dim, &here);
          from_half16(column + (size_t)(i + 1) * head_dim, &there);
          for (int r = 0; r < Q; r++) {
            multiply_add(&even[r], scores[r * stride + i], here);
            multiply_add(&odd[r], scores[r * stride + i + 1], there);
          }
        }
        if (i < end) {
          Lanes here;
          from_half16(column + (size_t)i * head_dim, &here);
          for (int r = 0; r < Q; r++) multiply_add(&even[r], scores[r * stride + i], here);
        }
        for (int r = 0; r < Q; r++) {
          sums[r][c][0] = even[r];
          sums[r][c][1] = odd[r];
        }
      }
    }
    for (int r = 0; r < Q; r++)
      for (int c = 0; c < columns; c++)
        *(Lanes*)(queries[r].out + first + c * kLanes) = (sums[r][c][0] + sums[r][c][1]) * inverse[r];
  }
}

static void attention(const Query* queries, int count, const uint16_t* keys, const uint16_t* values, int head_dim,
                      float* scores, size_t stride) {
  switch (count) {
    case 1:
      return attend<1>(queries, keys, values, head_dim, scores, stride);
    case 2:
      return attend<2>(queries, keys, values, head_dim, scores, stride);
    case 3:
      return attend<3>(queries, keys, values, head_dim, scores, stride);
    case 4:
      return attend<4>(queries, keys, values, head_dim, scores, stride);
  }
}

static void silu_product(const float* gate_up, int n, float* out) {
  for (int i = 0; i < n; i += kLanes)
    for (int l = 0; l < kLanes; l++) {
      const float gate = gate_up[2 * i + l];
      out[i + l] = gate / (1.0f + exp_lane(-gate)) * gate_up[2 * i + kLanes + l];
    }
}

static int most_likely(const float* logits, int n, float* probability) {
  int best = 0;
  for (int i = 1; i < n; i++)
    if (logits[i] > logits[best]) best = i;
  const float top = logits[best];
  float sums[kLanes] = {0};
  for (int i = 0; i < n; i += kLanes)
    for (int l = 0; l < kLanes; l++) sums[l] += exp_lane(logits[i + l] - top);
  *probability = 1.0f / sum_lanes(sums);
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
      if (terms == 1) {
        for (int l = 0; l < kLanes; l++) row[l] = (float)first[l] * (scales[l] * scale);
      } else {
        const float rest = a.scales[t + i + 1];
        for (int l = 0; l < kLanes; l++)
          row[l] = (float)first[l] * (scales[l] * scale) + (float)first[kLanes + l] * (scales[l] * rest);
      }
    }
  }
}

// P panels at a time, as many vectors with each as there are: both kinds of operand are loaded once for several uses.
template <int P>
static void panels(const Matrix& w, int k, int panel, const Activations& a, int count, int terms, float* out,
                   size_t out_stride) {
  int t = 0;
  for (; t + 8 <= count; t += 8) panel_products<8, P>(w, k, panel, a, t, terms, out, out_stride);
  for (; t + 4 <= count; t += 4) panel_products<4, P>(w, k, panel, a, t, terms, out, out_stride);
  for (; t + 2 <= count; t += 2) panel_products<2, P>(w, k, panel, a, t, terms, out, out_stride);
  for (; t < count; t++) panel_products<1, P>(w, k, panel, a, t, terms, out, out_stride);
}

static void product(const Matrix& w, int k, int first_panel, int last_panel, const Activations& a, int count, int terms,
                    float* out, size_t out_stride) {
  int panel = first_panel;
  if (count < 8)  // four panels and eight vectors would not leave enough registers
    for (; panel + 4 <= last_panel; panel += 4) panels<4>(w, k, panel, a, count, terms, out, out_stride);
  for (; panel + 2 <= last_panel; panel += 2) panels<2>(w, k, panel, a, count, terms, out, out_stride);
  for (; panel < last_panel; panel++) panels<1>(w, k, panel, a, count, terms, out, out_stride);
}
