/// How the elements of a weight tensor are stored.
///
/// The quantised types come from ggml: blocks of 32 elements along a row, each with a scale, and
/// with an offset for the `_1` types.
public enum TensorType: String, CaseIterable, Sendable {
  /// 32-bit float.
  case f32 = "F32"
  /// 16-bit float.
  case f16 = "F16"
  /// The upper half of a 32-bit float.
  case bf16 = "BF16"
  /// f16 scale `d`, 32 signed bytes `q`: `x = d·q`.
  case q8_0 = "Q8_0"
  /// f16 scale `d`, 32 nibbles: `x = d·(q − 8)`. Byte j holds element j (low) and j + 16 (high).
  case q4_0 = "Q4_0"
  /// f16 scale `d`, f16 offset `m`, 32 nibbles: `x = d·q + m`.
  case q4_1 = "Q4_1"
  /// f16 scale `d`, 32 fifth bits, 32 nibbles: `x = d·(q − 16)`.
  case q5_0 = "Q5_0"
  /// f16 scale `d`, f16 offset `m`, 32 fifth bits, 32 nibbles: `x = d·q + m`.
  case q5_1 = "Q5_1"

  /// Elements in one block; 1 for the float types.
  public var blockSize: Int {
    switch self {
    case .f32, .f16, .bf16: 1
    case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1: 32
    }
  }

  /// Bytes in one block.
  public var blockBytes: Int {
    switch self {
    case .f32: 4
    case .f16, .bf16: 2
    case .q8_0: 34
    case .q4_0: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    }
  }
}
