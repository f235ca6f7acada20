// Sum and maximum over the LANES invocations of a workgroup, for cards without subgroups.
struct Lane {
  @builtin(local_invocation_index) index: u32,
}

var<workgroup> reduced: array<f32, LANES>;

fn workgroup_sum(lane: Lane, x: f32) -> f32 {
  reduced[lane.index] = x;
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < LANES; i++) {
    sum += reduced[i];
  }
  workgroupBarrier();
  return sum;
}

fn workgroup_max(lane: Lane, x: f32) -> f32 {
  reduced[lane.index] = x;
  workgroupBarrier();
  var largest = x;
  for (var i = 0u; i < LANES; i++) {
    largest = max(largest, reduced[i]);
  }
  workgroupBarrier();
  return largest;
}
