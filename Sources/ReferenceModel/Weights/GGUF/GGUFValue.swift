/// A metadata value of a GGUF file, with the file's many number types folded into a few.
package enum GGUFValue: Sendable, Equatable {
  /// Any integer type that fits; an unsigned value above `Int64.max` is refused when parsed.
  case integer(Int64)
  /// f32 or f64.
  case float(Double)
  /// A Boolean.
  case bool(Bool)
  /// UTF-8 text.
  case string(String)
  /// An array of strings, such as the tokens.
  case strings([String])
  /// An array of integers or Booleans, such as the token types.
  case integers([Int64])
  /// An array of floats, such as the scores.
  case floats([Float])
}
