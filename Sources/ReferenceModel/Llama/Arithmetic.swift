/// How the products of a decode step with quantised weights are computed. Products with weights of 16 or 32
/// bits are computed in floats in any case, and so are prompts.
public enum Arithmetic: String, CaseIterable, Codable, Sendable {
  /// In floats: weights become floats, inputs stay as they are.
  case exact
  /// In integers: inputs are rounded to 8 bits, each 32 with a scale of their own, and meet the weights as
  /// integers. A token takes less time, because reading the weights is all that is left to wait for.
  ///
  /// An input is off by up to a 254th of the greatest magnitude among its 32. What that does to a
  /// model's predictions, `kvpolicy compare --arithmetic integer` measures. It is what llama.cpp does on a
  /// processor for the same types (its Q8_0 and Q8_1 inputs), except that the scale of an input's block
  /// keeps 32 bits here.
  case integer
}
