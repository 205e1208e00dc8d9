import KVPolicyKit

extension Settings {
  /// The setting `kernel`: over how many neighbours scores are pooled.
  mutating func kernel(
    default standard: Int, _ meaning: String = "width of the pooling; odd"
  ) throws(PolicyError) -> Int {
    let kernel = try integer("kernel", default: standard, atLeast: 1, meaning)
    guard kernel % 2 == 1 else { throw impossible("kernel (\(kernel)) must be odd") }
    return kernel
  }
}
