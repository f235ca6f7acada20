// Sum and maximum over the LANES invocations of a workgroup: within each subgroup by one instruction, then over those.
struct Lane {
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(num_subgroups) subgroups: u32,
}

var<workgroup> reduced: array<f32, LANES>;  // [subgroups], of one invocation each at the most

fn workgroup_sum(lane: Lane, x: f32) -> f32 {
  let own = subgroupAdd(x);
  if (subgroupElect()) {
    reduced[lane.subgroup] = own;
  }
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < lane.subgroups; i++) {
    sum += reduced[i];
  }
  workgroupBarrier();
  return sum;
}

fn workgroup_max(lane: Lane, x: f32) -> f32 {
  let own = subgroupMax(x);
  if (subgroupElect()) {
    reduced[lane.subgroup] = own;
  }
  workgroupBarrier();
  var largest = own;
  for (var i = 0u; i < lane.subgroups; i++) {
    largest = max(largest, reduced[i]);
  }
  workgroupBarrier();
  return largest;
}
