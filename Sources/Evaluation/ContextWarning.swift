/// The warning of measurements that go on beyond the context that a model was made for.
enum ContextWarning {
  /// The warning for sequences of `tokens` tokens, or nil if the context holds them.
  ///
  /// - Parameter effect: the effect on the measurement.
  static func text(tokens: Int, context: Int, effect: String) -> String? {
    guard tokens > context else { return nil }
    return "\(tokens) tokens are more than the model's context of \(context): \(effect)"
  }
}
