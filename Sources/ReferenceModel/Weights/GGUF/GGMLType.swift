/// ggml's numbers for the ways a tensor can be stored.
package enum GGMLType {
  /// Names by number; nil for a number that ggml has retired or never used.
  private static let names: [String?] = [
    "F32", "F16", "Q4_0", "Q4_1", nil, nil, "Q5_0", "Q5_1", "Q8_0", "Q8_1",
    "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_K", "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S",
    "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8", "I16", "I32", "I64", "F64", "IQ1_M",
    "BF16", nil, nil, nil, "TQ1_0", "TQ2_0", nil, nil, nil, "MXFP4",
  ]

  /// ggml's name of type `number`, or a phrase that says it has none.
  static func name(_ number: UInt32) -> String {
    if number < UInt32(names.count), let name = names[Int(number)] { return name }
    return "unknown ggml type \(number)"
  }

  /// Our type for ggml's type `number`, if this engine computes with it.
  static func tensorType(_ number: UInt32) -> TensorType? {
    TensorType(rawValue: name(number))
  }

  /// ggml's number for `type`; nil for a type that ggml does not have.
  package static func number(_ type: TensorType) -> UInt32? {
    names.firstIndex(of: type.rawValue).map(UInt32.init)
  }
}
